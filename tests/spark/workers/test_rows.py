import threading
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from pyspark.accumulators import INT_ACCUMULATOR_PARAM, Accumulator

from modules.errors import ImageError, TransientError
from modules.spark.io.readers import ReadImage, SparkReader, read_ahead
from modules.spark.workers.rows import FIELDS, load_once, make_rows

SCHEMA = pa.schema([*FIELDS, ("length", pa.int64())])


def accumulator() -> Accumulator[int]:
    """Returns an accumulator as a worker has it."""
    return Accumulator(0, 0, INT_ACCUMULATOR_PARAM)


def images(*contents: bytes) -> pa.RecordBatch:
    """Returns a batch with the columns that Spark has read."""
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
    if data == b"unavailable":
        raise TransientError("S3 is not reachable")
    return {"length": len(data)}


def test_every_image_is_a_row_with_values_or_an_error() -> None:
    count = accumulator()
    read = SparkReader()(iter([images(b"four", b"broken"), images(b"odd", b"")]))

    found = [row for batch in make_rows(read, SCHEMA, count, length) for row in batch.to_pylist()]

    assert [row["length"] for row in found] == [4, None, None, 0]
    assert [row["error"] for row in found] == [None, "no image", "KeyError: 'quantum'", None]
    assert count._value == 4


def test_a_transient_error_fails_the_task() -> None:
    with pytest.raises(TransientError, match="S3 is not reachable"):
        list(
            make_rows(SparkReader()(iter([images(b"unavailable")])), SCHEMA, accumulator(), length)
        )


def test_an_image_that_was_read_with_an_error_is_a_row_with_it() -> None:
    image = ReadImage("file:/a.png", 9, 1_000_000, b"", "9 bytes are too many")

    (batch,) = make_rows(iter([image]), SCHEMA, accumulator(), length)

    (row,) = batch.to_pylist()
    assert (row["path"], row["size"], row["modified"].timestamp()) == ("file:/a.png", 9, 1)
    assert (row["error"], row["length"]) == ("9 bytes are too many", None)


def test_rows_are_sent_before_they_take_much_memory() -> None:
    schema = pa.schema([*FIELDS, ("pixels", pa.binary())])
    small = [ReadImage(f"{index}", 1, 0, b"x") for index in range(1_000)]

    def sizes(width: int) -> list[int]:
        rows = make_rows(iter(small), schema, accumulator(), lambda *_: {"pixels": bytes(width)})
        return [batch.num_rows for batch in rows]

    assert sum(sizes(1)) == sum(sizes(1 << 20)) == 1_000
    assert max(sizes(1)) == 256
    assert max(sizes(1 << 20)) == 4


def test_the_next_batch_is_read_while_the_caller_works_on_the_last() -> None:
    second_is_read = threading.Event()

    def batches() -> Iterator[pa.RecordBatch]:
        yield images(b"first")
        second_is_read.set()
        yield images(b"second")

    reading = read_ahead(batches())
    next(reading)

    assert second_is_read.wait(10)


def test_all_batches_are_yielded_in_order() -> None:
    batches = [images(b"x" * index) for index in range(50)]

    assert list(read_ahead(iter(batches))) == batches


def test_an_error_while_reading_is_raised_in_the_worker() -> None:
    def batches() -> Iterator[pa.RecordBatch]:
        yield images(b"first")
        raise OSError("the socket is gone")

    with pytest.raises(OSError, match="the socket is gone"):
        list(read_ahead(batches()))


def test_a_value_is_loaded_once_until_another_key_is_asked_for() -> None:
    loaded: list[int] = []

    def load() -> int:
        loaded.append(len(loaded))
        return loaded[-1]

    keys = ["first", "first", "second", "first"]

    assert [load_once(key, load) for key in keys] == [0, 0, 1, 2]
