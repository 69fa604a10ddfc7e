import threading
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from pyspark.accumulators import INT_ACCUMULATOR_PARAM, Accumulator

from modules.errors import ImageError, TransientError
from modules.spark.workers.rows import FIELDS, load_once, make_rows, read_ahead

SCHEMA = pa.schema([*FIELDS, ("length", pa.int64())])


def counting() -> Accumulator[int]:
    """As a worker has it."""
    return Accumulator(0, 0, INT_ACCUMULATOR_PARAM)


def images(*contents: bytes) -> pa.RecordBatch:
    """A batch as `Images.contents` has it."""
    columns = {
        "path": [f"file:/{index}.jpg" for index in range(len(contents))],
        "size": [len(data) for data in contents],
        "modified": pa.array([0] * len(contents), pa.timestamp("us", "UTC")),
        "content": list(contents),
    }
    return pa.RecordBatch.from_pydict(columns)


def length(path: str, data: bytes) -> dict[str, Any]:
    if data == b"broken":
        raise ImageError("no image")
    if data == b"odd":
        raise KeyError("quantum")
    if data == b"unlucky":
        raise TransientError("S3 is away")
    return {"length": len(data)}


def test_every_image_is_a_row_whatever_becomes_of_it() -> None:
    count = counting()
    batches = iter([images(b"four", b"broken"), images(b"odd", b"")])

    found = [
        row for batch in make_rows(batches, SCHEMA, count, length) for row in batch.to_pylist()
    ]

    assert [row["length"] for row in found] == [4, None, None, 0]
    assert [row["error"] for row in found] == [None, "no image", "KeyError: 'quantum'", None]
    assert count._value == 4


def test_what_images_are_not_to_blame_for_fails_the_task() -> None:
    with pytest.raises(TransientError, match="S3 is away"):
        list(make_rows(iter([images(b"unlucky")]), SCHEMA, counting(), length))


def test_the_next_batch_is_read_while_one_is_worked_on() -> None:
    second_is_read = threading.Event()

    def batches() -> Iterator[pa.RecordBatch]:
        yield images(b"first")
        second_is_read.set()
        yield images(b"second")

    reading = read_ahead(batches())
    next(reading)

    assert second_is_read.wait(10)


def test_batches_come_in_their_order_to_the_last() -> None:
    batches = [images(b"x" * index) for index in range(50)]

    assert list(read_ahead(iter(batches))) == batches


def test_an_error_of_the_reader_is_the_workers() -> None:
    def batches() -> Iterator[pa.RecordBatch]:
        yield images(b"first")
        raise OSError("the socket is gone")

    with pytest.raises(OSError, match="the socket is gone"):
        list(read_ahead(batches()))


def test_what_is_kept_is_made_once_until_another_is_wanted() -> None:
    made: list[int] = []

    def make() -> int:
        made.append(len(made))
        return made[-1]

    assert [
        load_once("one", make),
        load_once("one", make),
        load_once("other", make),
        load_once("one", make),
    ] == [
        0,
        0,
        1,
        2,
    ]
