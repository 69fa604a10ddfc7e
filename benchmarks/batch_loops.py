"""Runs the baselines of the Spark jobs: a bare loop in one process and thread, without Spark.

    .venv/bin/python benchmarks/batch_loops.py detect|featurize|thumbnails FOLDER COUNT [MODEL]
    .venv/bin/python benchmarks/batch_loops.py thumbnails-s3 BUCKET COUNT

Prints images per second. `detect` and `thumbnails` go from files to results; `featurize` is the
engine alone, on one input. `thumbnails-s3` has as many requests at the same time as a worker.
"""

from __future__ import annotations

import collections
import itertools
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import cv2

sys.path.insert(0, str(Path(__file__).parent.parent))

from modules.features.loader import load_feature_model
from modules.models.folder import LocalFolder
from modules.models.loader import load_model
from modules.object_detection.images import decode_image
from modules.results.pipeline import process
from modules.settings import Settings
from modules.spark.io.buckets import open_bucket, open_client
from modules.spark.io.readers import AHEAD_OBJECTS, REQUESTS
from modules.spark.session.bucket_access import BucketAccess
from modules.storage.bucket import StoredImage
from modules.storage.listing import list_objects
from modules.telemetry.timings import Timings

SIDE = 100  # of the fruits, in pixels
_WARM = 20  # images before the measurement


def main() -> None:
    """Runs one loop."""
    name, folder, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    cv2.setNumThreads(1)
    if name == "thumbnails-s3":
        print(_thumbnails_of_bucket(sys.argv[2], count))
        return
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
    engine = Settings.from_environment(os.environ).engine
    extractor = load_feature_model(LocalFolder(model), engine, size=(SIDE, SIDE)).extractor
    blob, _ = extractor._preprocessing.apply(
        cv2.imread(str(Path(__file__).parent.parent / "demo" / "street.jpg")), (SIDE, SIDE)
    )
    return lambda _: extractor._engine.forward(blob)


def _thumbnails() -> Callable[[Path], object]:
    return lambda path: _shrink(path.read_bytes())


def _shrink(data: bytes) -> bytes:
    pixels = decode_image(data, max_pixels=Settings.max_image_pixels).pixels
    small = cv2.resize(pixels, (20, 20), interpolation=cv2.INTER_NEAREST)
    thumbnail: bytes = cv2.cvtColor(small, cv2.COLOR_BGR2RGB).tobytes()
    return thumbnail


def _thumbnails_of_bucket(bucket: str, count: int) -> float:
    """Returns the images per second from S3, with the endpoint and keys of the environment."""
    objects, max_bytes = open_bucket(BucketAccess(bucket)), Settings.max_image_bytes
    listed = list_objects(open_client(BucketAccess(bucket)), bucket, "")
    keys = [key for key, _ in itertools.islice(listed, _WARM + count)]
    waiting: collections.deque[Future[StoredImage]] = collections.deque()
    start = 0.0
    with ThreadPoolExecutor(REQUESTS) as pool:
        for index, key in enumerate(keys):
            if index == _WARM:
                start = time.perf_counter()
            if len(waiting) == AHEAD_OBJECTS:
                _shrink(waiting.popleft().result().data or b"")
            waiting.append(pool.submit(objects.read, bucket, key, max_bytes=max_bytes))
        for future in waiting:
            _shrink(future.result().data or b"")
    return (len(keys) - _WARM) / (time.perf_counter() - start)


_STEPS: dict[str, Callable[..., Callable[[Path], object]]] = {
    "detect": _detect,
    "featurize": _featurize,
    "thumbnails": _thumbnails,
}

if __name__ == "__main__":
    main()
