"""Rendered scenes, stored between runs, and their random variation; start at `rendered`."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from ..market.scenes import render_scene

SIZE = (320, 240)  # larger than the network's input, to leave room to zoom
_MIN_REMAINING = 0.5  # share of an object's box that a crop must keep


@dataclass(frozen=True)
class Scenes:
    """Scenes with their labels.

    pixels: `(N, H, W, 3)` uint8 BGR. labels: for each scene `(K, 5)` float32, class and xyxy.
    """

    pixels: NDArray[np.uint8]
    labels: list[NDArray[np.float32]]

    def __len__(self) -> int:
        return len(self.labels)

    def first(self, count: int) -> Scenes:
        """Returns the first `count` scenes."""
        return Scenes(self.pixels[:count], self.labels[:count])


def rendered(folder: Path, seed: int, count: int) -> Scenes:
    """Returns the first `count` scenes of a seed; renders them unless `folder` has them."""
    folder.mkdir(parents=True, exist_ok=True)
    pixels_path = folder / f"scenes-{seed}-{count}.npy"
    labels_path = pixels_path.with_suffix(".npz")
    if not labels_path.exists():
        _render(pixels_path, labels_path, seed, count)
    pixels = np.load(pixels_path, mmap_mode="r")
    with np.load(labels_path) as arrays:
        return Scenes(pixels, [arrays[name] for name in arrays.files])


def _render(pixels_path: Path, labels_path: Path, seed: int, count: int) -> None:
    shape = (count, SIZE[1], SIZE[0], 3)
    pixels = np.lib.format.open_memmap(pixels_path, "w+", np.uint8, shape)
    labels = []
    with multiprocessing.get_context("spawn").Pool() as pool:
        scenes = pool.imap(_render_one, [(seed, number) for number in range(count)], 8)
        for number, (picture, boxes) in enumerate(track(scenes, f"rendering seed {seed}", count)):
            pixels[number] = picture
            labels.append(boxes)
    pixels.flush()
    np.savez(labels_path, *labels)


def _render_one(job: tuple[int, int]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    cv2.setNumThreads(1)
    scene = render_scene(*job, SIZE)
    rows = [(label.class_id, *label.box) for label in scene.labels]
    return scene.pixels, np.array(rows, np.float32).reshape(-1, 5)


def batches(
    scenes: Scenes,
    order: NDArray[np.int64],
    rng: np.random.Generator,
    size: int,
    width: int,
    height: int,
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Yields batches of `size` scenes in the given order, each scene varied at random.

    A batch is `(N, 3, H, W)` float32 RGB from 0 to 1, and `(T, 6)` labels: the image's number in
    the batch, class, centre x, centre y, width, height in pixels.
    """
    for start in range(0, len(order) - size + 1, size):
        pictures = []
        truth = []
        for place, number in enumerate(order[start : start + size]):
            picture, boxes = vary(scenes.pixels[number], scenes.labels[number], rng, width, height)
            pictures.append(picture)
            centres, sides = (boxes[:, 1:3] + boxes[:, 3:5]) / 2, boxes[:, 3:5] - boxes[:, 1:3]
            index = np.full((len(boxes), 1), place, np.float32)
            truth.append(np.concatenate([index, boxes[:, :1], centres, sides], axis=1))
        images = cv2.dnn.blobFromImages(pictures, 1 / 255, swapRB=True)
        yield images, np.concatenate(truth).astype(np.float32)


def vary(
    picture: NDArray[np.uint8],
    boxes: NDArray[np.float32],
    rng: np.random.Generator,
    width: int,
    height: int,
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Crops, zooms, mirrors and relights a picture at random.

    boxes: `(K, 5)`, class and xyxy. Returns the varied picture and its boxes; a box of which half
    or less remains is dropped.
    """
    rows, columns = picture.shape[:2]
    zoom = np.exp(rng.choice([rng.normal(0.05, 0.12), rng.uniform(-0.5, 0.9)], p=(0.65, 0.35)))
    stretch = np.exp(rng.normal(0, 0.06))
    scale = np.array([width / columns * zoom * stretch, height / rows * zoom / stretch])
    slack = np.array([width, height]) - scale * (columns, rows)
    shift = slack * rng.uniform(0, 1, 2)
    mirrored = rng.uniform() < 0.5
    matrix = np.array([[scale[0], 0, shift[0]], [0, scale[1], shift[1]]])
    varied = boxes.copy()
    varied[:, [1, 3]] = boxes[:, [1, 3]] * scale[0] + shift[0]
    varied[:, [2, 4]] = boxes[:, [2, 4]] * scale[1] + shift[1]
    if mirrored:
        matrix[0] = (-matrix[0, 0], 0, width - 1 - matrix[0, 2])
        varied[:, [1, 3]] = width - varied[:, [3, 1]]
    grey = rng.uniform(0, 255, 3).tolist()
    # detectors shrink large pictures without smoothing, which resembles nearest neighbour
    method = cv2.INTER_NEAREST if rng.uniform() < 0.25 else cv2.INTER_LINEAR
    out = cv2.warpAffine(picture, matrix, (width, height), flags=method, borderValue=grey)
    gain, lift = rng.uniform(0.75, 1.25) * rng.normal(1, 0.04, 3), rng.uniform(-12, 12)
    levels = np.arange(256)[np.newaxis, :, np.newaxis] * gain + lift
    out = cv2.LUT(out, np.clip(levels, 0, 255).astype(np.uint8))
    whole = (varied[:, 3:5] - varied[:, 1:3]).prod(1)
    varied[:, 1:5] = varied[:, 1:5].clip(0, (width, height) * 2)
    left = (varied[:, 3:5] - varied[:, 1:3]).prod(1)
    return out, varied[left > _MIN_REMAINING * whole]
