from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import pyarrow as pa
import pytest

from modules.spark.io import readers
from modules.spark.io.readers import BucketReader, pack_files, unpack
from modules.spark.session.bucket_access import BucketAccess
from modules.storage.bucket import StoredImage
from tests.spark.conftest import Store


@dataclass(frozen=True)
class Watched(BucketReader):
    """Records how many objects are read at the same time, and how many wait to be processed."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    reading: list[int] = field(default_factory=lambda: [0])
    started: list[int] = field(default_factory=lambda: [0])
    most: list[int] = field(default_factory=list)

    def _read(self, key: str, max_bytes: int) -> StoredImage:
        with self.lock:
            self.started[0] += 1
            self.reading[0] += 1
            self.most.append(self.reading[0])
        time.sleep(0.02)  # so that requests overlap
        stored = super()._read(key, max_bytes)
        with self.lock:
            self.reading[0] -= 1
        return stored


def batches(store: Store, count: int, size: int) -> list[pa.RecordBatch]:
    """Uploads objects, and returns a task with them."""
    for index in range(count):
        store.put(f"{index:02}.png", b"x" * size)
    keys = [(f"{index:02}.png", size) for index in range(count)]
    return [pa.RecordBatch.from_pydict({"files": [pack_files(keys)]})]


def test_several_objects_are_read_at_the_same_time_and_yielded_in_order(store: Store) -> None:
    reader = Watched(BucketAccess(store.name), "s3a", 100)

    found = list(reader(iter(batches(store, 30, 5))))

    assert [image.path for image in found] == [
        f"{store.location}/{index:02}.png" for index in range(30)
    ]
    assert 1 < max(reader.most) <= readers.REQUESTS


def test_objects_that_were_read_ahead_have_no_more_bytes_than_allowed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "_AHEAD_BYTES", 35)
    reader = Watched(BucketAccess(store.name), "s3a", 100)
    waiting = []

    for index, _ in enumerate(reader(iter(batches(store, 12, 10)))):
        waiting.append(reader.started[0] - index - 1)

    assert max(waiting) <= 2  # and one that is being processed


def test_names_of_a_task_take_little_memory() -> None:
    names = [f"/data/photos/2026/{index:07}.jpg" for index in range(10_000)]

    assert unpack(pack_files(names)) == names
    assert len(pack_files(names)) < sum(map(len, names)) / 5
