"""Makes Darknet models with random but reproducible weights, to compare with OpenCV 4.14.

    .venv/bin/python -m tests.object_detection.darknet.random_models CFG_DIR... OUT_DIR

writes the models that benchmarks/opencv4_outputs.py reads. `make reference` runs both, on Darknet's
own cfgs and on the cfgs in `OWN_CFGS`.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from modules.object_detection.darknet.cfg import parse_cfg
from modules.object_detection.darknet.layers import build_network
from modules.object_detection.darknet.weights import Convolution

OWN_CFGS = Path(__file__).parent / "cfg"
SIZE = (64, 64)  # (width, height) of most inputs: large enough for every stride, and fast
_MAX_SIDE = 96  # pixels; a cfg with a larger side runs at `SIZE`


def input_size(cfg: str) -> tuple[int, int]:
    """Returns the (width, height) to run a network at: the cfg's if it is small, or `SIZE`."""
    net, _ = parse_cfg(cfg)
    size = net.integer("width"), net.integer("height")
    return size if max(size) <= _MAX_SIDE else SIZE


def random_input(size: tuple[int, int] = SIZE) -> NDArray[np.float32]:
    """Returns noise from 0 to 1, `(1, 3, H, W)` float32; `size` is (width, height)."""
    width, height = size
    return np.random.default_rng(2).uniform(size=(1, 3, height, width)).astype(np.float32)


def random_weights(cfg: str, seed: int = 7, *, objectness: float | None = None) -> bytes:
    """Returns a whole `.weights` for a cfg; the values keep activations in a sane range.

    objectness: the bias, a logit, of the objectness in a network of 80 classes; None: random.
    """
    rng = np.random.default_rng(seed)
    parts = [np.array([0, 2, 5, 9, 0], "<i4").tobytes()]
    for layer in build_network(*parse_cfg(cfg)).weights:
        assert isinstance(layer, Convolution)
        fan_in = int(np.prod(layer.kernel_shape[1:]))
        biases = rng.normal(0, 0.1, layer.filters)
        if objectness is not None and not layer.batch_normalize:
            biases[4::85] = objectness  # an anchor has 5 numbers and 80 classes
        norms = [
            rng.uniform(0.5, 1.5, layer.filters),
            rng.normal(0, 0.1, layer.filters),
            rng.uniform(0.5, 1.5, layer.filters),
        ]
        kernel = rng.normal(0, fan_in**-0.5, int(np.prod(layer.kernel_shape)))
        values = [biases, *(norms if layer.batch_normalize else []), kernel]
        parts += [value.astype("<f4").tobytes() for value in values]
    return b"".join(parts)


def for_opencv_4(cfg: str) -> str:
    """Returns the cfg at the size of `input_size`, and without OpenCV's minimum confidence."""
    for name, value in zip(("width", "height"), input_size(cfg), strict=True):
        cfg = re.sub(rf"(?m)^{name}\s*=.*", f"{name}={value}", cfg, count=1)
    cfg = re.sub(r"(?m)^thresh\s*=.*", "", cfg)
    return re.sub(r"(?m)^\[(yolo|region)\]", r"[\1]\nthresh=0", cfg)


def main(out: Path, *folders: Path) -> None:
    """Writes a model and an input for each cfg in the folders."""
    out.mkdir(parents=True, exist_ok=True)
    for path in sorted(path for folder in folders for path in folder.glob("*.cfg")):
        text = path.read_text()
        (out / path.name).write_text(for_opencv_4(text))
        (out / path.with_suffix(".weights").name).write_bytes(random_weights(text))
        np.save(out / path.with_suffix(".npy").name, random_input(input_size(text)))


if __name__ == "__main__":
    main(Path(sys.argv[-1]), *map(Path, sys.argv[1:-1]))
