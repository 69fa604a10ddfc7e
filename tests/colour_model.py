"""A real Darknet network that is small enough to check by hand: it finds red and green squares.

The input is 64 x 64 pixels. Each 8 x 8 cell is max-pooled to one pixel, and a 1 x 1 convolution
turns its colour into the values of one anchor: the box is the cell itself, objectness is high for
pure red or green and low for black and white, and the class is the stronger of the two colours.
The yellow of `picture` has a bit more red than green: 0.597 and 0.403.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import PIL.Image
from numpy.typing import NDArray

LABELS = ("red", "green")
CELL = 8
SIZE = 64

CFG = f"""\
[net]
width={SIZE}
height={SIZE}
channels=3

[maxpool]
size={CELL}
stride={CELL}
padding=0

[convolutional]
filters=7
size=1
stride=1
pad=0
activation=linear

[yolo]
mask=0
anchors={CELL},{CELL}
num=1
classes=2
"""

# Rows are filters: tx, ty, tw, th, objectness, red, green; columns are the input's red, green, blue
_KERNEL = [
    [0, 0, 0],
    [0, 0, 0],
    [0, 0, 0],
    [0, 0, 0],
    [20, 20, -40],
    [20, -20, 0],
    [-20, 20, 0],
]
_BIAS = [0, 0, 0, 0, -10, 0, 0]


def weights() -> bytes:
    """Returns the `.weights` file: version 0.2.0, 0 images seen, biases, kernel."""
    header = np.array([0, 2, 0, 0, 0], "<i4").tobytes()
    return header + np.array(_BIAS, "<f4").tobytes() + np.array(_KERNEL, "<f4").tobytes()


def write_colour_model(folder: Path) -> Path:
    """Writes the model folder and returns it."""
    folder.mkdir(parents=True)
    (folder / "colours.cfg").write_text(CFG)
    (folder / "colours.weights").write_bytes(weights())
    (folder / "colours.names").write_text("\n".join(LABELS) + "\n")
    return folder


def picture(**cells: tuple[int, int]) -> NDArray[np.uint8]:
    """Makes a black BGR picture with coloured squares; each is at a (column, row) of the cells."""
    colours = {
        "red": (0, 0, 255),
        "green": (0, 255, 0),
        "yellow": (0, 250, 255),
        "white": (255, 255, 255),
    }
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    for name, (column, row) in cells.items():
        image[row * CELL : (row + 1) * CELL, column * CELL : (column + 1) * CELL] = colours[name]
    return image


def large_picture(**cells: tuple[int, int]) -> NDArray[np.uint8]:
    """Makes 256 x 256 black pixels, with one red or green pixel in these cells of 8 x 8.

    The network finds the pixel's cell. Shrunk to the network's input, the image loses the pixel.
    """
    image = np.zeros((4 * SIZE, 4 * SIZE, 3), np.uint8)
    for name, (column, row) in cells.items():
        colour = {"red": (0, 0, 255), "green": (0, 255, 0)}[name]
        image[row * CELL, column * CELL] = colour
    return image


def gif(**cells: tuple[int, int]) -> bytes:
    """Makes a picture as a GIF, whose annotated image is a JPEG."""
    file = io.BytesIO()
    PIL.Image.fromarray(picture(**cells)[..., ::-1]).save(file, "GIF")
    return file.getvalue()
