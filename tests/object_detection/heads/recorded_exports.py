"""Exports of real DETR-like architectures, which `benchmarks/exporters/record.py` records.

Each is a small network with random weights, exported by `torch.onnx.export`, and what the project's
own post-processor finds with it in `picture`.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FOLDER = Path(__file__).with_name("recorded")
SIZE = 64  # of the networks' square inputs, in pixels
CONFIDENCE = 0.15


@dataclass(frozen=True)
class Recorded:
    """One export: its ONNX bytes, how many names its classes have, and the expected detections.

    rows: x1, y1, x2, y2 in pixels of `picture`, confidence and class of each detection, most
    confident first.
    """

    onnx: NDArray[np.uint8]
    names: int
    rows: NDArray[np.float64]


def picture() -> NDArray[np.uint8]:
    """Returns the picture that the networks see, `(48, 60, 3)` uint8 BGR."""
    y, x = np.mgrid[:48, :60]
    blue, green = 4 * x + y, 255 - 5 * y
    red = 128 + 100 * (((x - 30) ** 2 + (y - 20) ** 2) < 150)
    return np.stack([blue, green, red], axis=2).clip(0, 255).astype(np.uint8)


def recorded_names() -> list[str]:
    """Returns the names of the recorded exports."""
    return sorted(path.name.removesuffix(".json") for path in FOLDER.glob("*.json"))


def read(name: str) -> Recorded:
    """Reads a recorded export."""
    document: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    data = gzip.decompress((FOLDER / f"{name}.onnx.gz").read_bytes())
    return Recorded(np.frombuffer(data, np.uint8), document["names"], np.array(document["rows"]))


def write(name: str, onnx: bytes, names: int, rows: list[list[float]]) -> None:
    """Writes an export and its expected detections."""
    (FOLDER / f"{name}.onnx.gz").write_bytes(gzip.compress(onnx, 9, mtime=0))
    document = {"names": names, "rows": rows}
    (FOLDER / f"{name}.json").write_text(json.dumps(document) + "\n")
