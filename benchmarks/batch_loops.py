"""Runs the baselines of the Spark jobs: a bare loop in one process and thread, without Spark.

    .venv/bin/python benchmarks/batch_loops.py detect|featurize|thumbnails FOLDER COUNT [MODEL]

Prints images per second. `detect` and `thumbnails` go from files to results; `featurize` is the
engine alone, on one input.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2

sys.path.insert(0, str(Path(__file__).parent.parent))

from modules.features.loader import load_feature_model
from modules.models.folder import LocalFolder
from modules.models.loader import load_model
from modules.object_detection.images import decode_image
from modules.results.pipeline import process
from modules.settings import Settings
from modules.telemetry.timings import Timings

SIDE = 100  # of the fruits, in pixels
_WARM = 20  # images before the measurement


def main() -> None:
    """Runs one loop."""
    name, folder, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    cv2.setNumThreads(1)
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    chosen = [paths[index % len(paths)] for index in range(_WARM + count)]
    step = _STEPS[name](*map(Path, sys.argv[4:]))
    for path in chosen[:_WARM]:
        step(path)
    start = time.perf_counter()
    for path in chosen[_WARM:]:
        step(path)
    print(count / (time.perf_counter() - start))


def _detect(model: Path) -> Callable[[Path], object]:
    settings = Settings()
    loaded = load_model(LocalFolder(model), settings)
    return lambda path: process(path.read_bytes(), loaded, settings, Timings())


def _featurize(model: Path) -> Callable[[Path], object]:
    extractor = load_feature_model(LocalFolder(model), Settings.engine, size=(SIDE, SIDE)).extractor
    blob, _ = extractor._preprocessing.apply(
        cv2.imread(str(Path(__file__).parent.parent / "demo" / "street.jpg")), (SIDE, SIDE)
    )
    return lambda _: extractor._engine.forward(blob)


def _thumbnails() -> Callable[[Path], object]:
    def shrink(path: Path) -> object:
        pixels = decode_image(path.read_bytes(), max_pixels=Settings.max_image_pixels).pixels
        small = cv2.resize(pixels, (20, 20), interpolation=cv2.INTER_NEAREST)
        return cv2.cvtColor(small, cv2.COLOR_BGR2RGB).tobytes()

    return shrink


_STEPS: dict[str, Callable[..., Callable[[Path], object]]] = {
    "detect": _detect,
    "featurize": _featurize,
    "thumbnails": _thumbnails,
}

if __name__ == "__main__":
    main()
