import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modules.cli.local_aws.bucket import BUCKET, LocalBucket
from modules.errors import ObjectChangedError, ObjectGoneError, StorageError
from modules.storage.client import create_client
from modules.storage.function_client import FunctionClient
from modules.storage.object_stream import ObjectStream
from tests.faults.faults import Fault
from tests.faults.proxy import FaultyProxy
from tests.function.watched_client import WatchedClient

BREAKS = [Fault.CUT, Fault.RESET_IN_BODY]
OpenStream = Callable[..., ObjectStream]
DATA = random.Random(0).randbytes(300_000)


def put(bucket: LocalBucket, data: bytes = DATA) -> None:
    bucket.client.put_object(Bucket=BUCKET, Key="a", Body=data)


@pytest.fixture(params=[create_client, FunctionClient])
def open_stream(request: pytest.FixtureRequest) -> OpenStream:
    """Opens the object by the client of the commands, and by the function's."""
    make: Callable[[], Any] = request.param
    return lambda **condition: ObjectStream(make(), Bucket=BUCKET, Key="a", **condition)


@pytest.mark.parametrize("fault", BREAKS)
def test_a_broken_connection_is_replaced_by_another(
    fault: Fault, bucket: LocalBucket, proxy: FaultyProxy, open_stream: OpenStream
) -> None:
    put(bucket)
    proxy.choose = lambda method, path, number: fault if number < 4 else None

    with open_stream() as stream:
        assert stream.read() == DATA

    assert proxy.injected == {fault: 4}, (
        "each connection sends half of the remaining bytes before it breaks"
    )


def test_only_the_remaining_bytes_are_requested_again(
    bucket: LocalBucket, proxy: FaultyProxy
) -> None:
    put(bucket)
    proxy.choose = lambda method, path, number: Fault.CUT if number == 0 else None
    client = create_client()
    ranges: list[str | None] = []
    client.meta.events.register(
        "before-call.s3.GetObject",
        lambda params, **_: ranges.append(params["headers"].get("Range")),
    )

    with ObjectStream(client, Bucket=BUCKET, Key="a") as stream:
        stream.read()

    assert ranges == [None, "bytes=150000-"]


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(sizes=st.lists(st.integers(0, 5_000), max_size=20), breaks=st.sets(st.integers(0, 3)))
def test_reads_of_any_size_return_the_object_in_order(
    sizes: list[int],
    breaks: set[int],
    bucket: LocalBucket,
    proxy: FaultyProxy,
    open_stream: OpenStream,
) -> None:
    data = DATA[:10_000]
    put(bucket, data)
    requests = iter(range(1000))
    proxy.choose = lambda method, path, number: Fault.CUT if next(requests) in breaks else None

    with open_stream() as stream:
        assert stream.size == len(data)
        pieces = [stream.read(size) for size in sizes]
        rest = stream.read()
        assert stream.read() == b""

    assert all(len(piece) <= size for piece, size in zip(pieces, sizes, strict=True))
    assert b"".join([*pieces, rest]) == data


def test_the_fourth_break_without_progress_is_an_error(
    bucket: LocalBucket, proxy: FaultyProxy, open_stream: OpenStream
) -> None:
    put(bucket, b"x")  # the fault sends half of the bytes: none
    proxy.choose = lambda method, path, number: Fault.CUT

    with open_stream() as stream, pytest.raises(StorageError, match="reading s3://pictures/a"):
        stream.read()

    assert proxy.requests == 4


@pytest.mark.parametrize("fault", [Fault.TOO_SHORT, Fault.TOO_LONG])
def test_a_wrong_length_is_an_error(fault: Fault, bucket: LocalBucket, proxy: FaultyProxy) -> None:
    put(bucket)
    proxy.choose = lambda method, path, number: fault if number == 0 else None

    with (
        ObjectStream(create_client(), Bucket=BUCKET, Key="a") as stream,
        pytest.raises(StorageError),
    ):
        stream.read()


@pytest.mark.parametrize("fault", [Fault.TOO_SHORT, Fault.TOO_LONG])
def test_the_functions_client_is_told_the_length_twice_and_reads_what_is_missing(
    fault: Fault, bucket: LocalBucket, proxy: FaultyProxy
) -> None:
    put(bucket)
    proxy.choose = lambda method, path, number: fault if number == 0 else None

    with ObjectStream(FunctionClient(), Bucket=BUCKET, Key="a") as stream:
        assert (stream.size, stream.read()) == (len(DATA), DATA)


def test_the_functions_client_requests_only_the_remaining_bytes_again(
    bucket: LocalBucket, proxy: FaultyProxy
) -> None:
    put(bucket)
    proxy.choose = lambda method, path, number: Fault.CUT if number == 0 else None
    client = WatchedClient()
    ranges: list[str | None] = []
    client.before.append(lambda operation, request: ranges.append(request.get("Range")))

    with ObjectStream(client, Bucket=BUCKET, Key="a") as stream:
        stream.read()

    assert ranges == [None, "bytes=150000-"]


def test_a_wrong_length_of_the_remaining_bytes_does_not_end_the_stream(
    bucket: LocalBucket, proxy: FaultyProxy, open_stream: OpenStream
) -> None:
    put(bucket)
    faults = [Fault.TOO_SHORT, Fault.CUT]
    proxy.choose = lambda method, path, number: faults.pop() if faults else None

    with open_stream() as stream:
        assert stream.read() == DATA


def test_an_object_replaced_while_it_is_read_is_not_mixed_with_the_new_one(
    bucket: LocalBucket, proxy: FaultyProxy, open_stream: OpenStream
) -> None:
    put(bucket)
    proxy.choose = lambda method, path, number: Fault.CUT if number == 0 else None

    with open_stream() as stream:
        put(bucket, DATA[::-1])
        with pytest.raises(ObjectChangedError):
            stream.read()


def test_an_object_deleted_while_it_is_read_raises_object_gone(
    bucket: LocalBucket, proxy: FaultyProxy, open_stream: OpenStream
) -> None:
    put(bucket)
    proxy.choose = lambda method, path, number: Fault.CUT if number == 0 else None

    with open_stream() as stream:
        bucket.client.delete_object(Bucket=BUCKET, Key="a")
        with pytest.raises(ObjectGoneError):
            stream.read()


def test_an_empty_object_has_no_bytes(
    bucket: LocalBucket, proxy: FaultyProxy, open_stream: OpenStream
) -> None:
    put(bucket, b"")

    with open_stream() as stream:
        assert (stream.size, stream.read()) == (0, b"")
