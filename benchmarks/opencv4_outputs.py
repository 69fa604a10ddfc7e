"""Records the outputs of OpenCV 4.14's Darknet importer for networks with random weights.

Like opencv4_reference.py, it runs in a separate environment. The models were written by
tests/object_detection/darknet/random_models.py:

    .venv-opencv4/bin/python benchmarks/opencv4_outputs.py MODEL_DIR OUT.npz
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np


def main() -> None:
    """Writes a row for each model, cell and anchor: x1, y1, x2, y2, best score, its class.

    A [region] layer suppresses its own boxes; for a model with one, the layer's input is written,
    too, as NAME.raw, channels last.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("models", type=Path, metavar="MODEL_DIR")
    parser.add_argument("out", type=Path, metavar="OUT.npz")
    arguments = parser.parse_args()
    outputs = {}
    for cfg in sorted(arguments.models.glob("*.cfg")):
        net = cv2.dnn.readNetFromDarknet(str(cfg), str(cfg.with_suffix(".weights")))
        blob = np.load(cfg.with_suffix(".npy"))
        net.setInput(blob)
        rows = np.concatenate(net.forward(net.getUnconnectedOutLayersNames()))
        half = rows[:, 2:4] / 2
        best = rows[:, 5:].argmax(axis=1)
        scores = rows[np.arange(len(rows)), 5 + best]
        parts = [rows[:, :2] - half, rows[:, :2] + half, scores[:, None], best[:, None]]
        outputs[cfg.stem] = np.concatenate(parts, axis=1).astype(np.float32)
        if "[region]" in cfg.read_text():
            (into_region,) = (name for name in net.getLayerNames() if name.startswith("permute"))
            net.setInput(blob)
            outputs[f"{cfg.stem}.raw"] = net.forward(into_region).astype(np.float32)
    np.savez_compressed(arguments.out, allow_pickle=False, **outputs)


if __name__ == "__main__":
    main()
