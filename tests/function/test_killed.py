"""The next attempt repairs whatever a killed function leaves behind."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest

from modules.cli.local_aws.bucket import BUCKET, LocalBucket
from modules.cli.local_aws.moto_server import MotoServer
from tests.colour_model import gif, picture, write_colour_model
from tests.conftest import ROOT

# Random moments at which an invocation is killed, in addition; `make kills` sets the number
RANDOM_KILLS = int(os.environ.get("KILLS", "0"))
# The requests that one image takes; an invocation is killed before and after each of them
REQUESTS = 4
AT_REQUESTS = [
    {"number": number, "after": after} for number in range(REQUESTS) for after in (False, True)
]
PICTURES = [
    bytes(cv2.imencode(".png", image)[1])
    for image in (picture(red=(2, 5), green=(6, 1)), picture(green=(1, 1)))
]


class Functions:
    """A fork server, which answers each event in a new, warm process."""

    def __init__(self, draw: str = "boxes") -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.function.fork_server", BUCKET],
            cwd=ROOT,
            env={**os.environ, "DRAW": draw},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._read() == "ready"

    def close(self) -> None:
        self._server.kill()
        self._server.communicate()

    def run(
        self,
        event: dict[str, Any],
        *,
        kill_at: dict[str, Any] | None = None,
        kill_after: float | None = None,
    ) -> int:
        """Serves an event; returns the exit code of its process, -9 if it was killed.

        kill_at: the arguments of `fork_server.kill_at`. kill_after: seconds. None: no kill.
        """
        assert self._server.stdin
        self._server.stdin.write(json.dumps({"event": event, "kill_at": kill_at}) + "\n")
        self._server.stdin.flush()
        process = int(self._read())
        if kill_after is not None:
            time.sleep(kill_after)
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        return int(self._read())

    def _read(self) -> str:
        assert self._server.stdout
        return self._server.stdout.readline().strip()


@pytest.fixture
def bucket(local_server: MotoServer) -> Iterator[LocalBucket]:
    """A bucket that sends no events; the tests make their own."""
    with LocalBucket("nothing/", local_server) as local:
        yield local
    local_server.reset()


@pytest.fixture
def functions(bucket: LocalBucket, tmp_path: Path) -> Iterator[Functions]:
    bucket.upload_model(write_colour_model(tmp_path / "colours"))
    functions = Functions()
    yield functions
    functions.close()


def upload(bucket: LocalBucket, name: str, data: bytes, number: int) -> dict[str, Any]:
    """Puts an image; returns the event, whose sequencer is `number`."""
    key = f"input/{name}"
    bucket.client.put_object(Bucket=BUCKET, Key=key, Body=data)
    about = {"bucket": {"name": BUCKET}, "object": {"key": key, "sequencer": f"{number:04X}"}}
    return {"Records": [{"s3": about}]}


def result(bucket: LocalBucket, name: str) -> tuple[bytes, dict[str, Any]]:
    """Returns the annotated image, and the document without its timings and keys."""
    image = bucket.client.get_object(Bucket=BUCKET, Key=f"output/{name}")
    answer = bucket.client.get_object(Bucket=BUCKET, Key=f"output/{name}.json")
    assert answer["Metadata"]["image-etag"] == image["ETag"].strip('"')
    document = json.loads(answer["Body"].read())
    del document["timings_ms"]
    assert document.pop("annotated")["key"] == f"output/{name}"
    del document["image"]["key"]
    return image["Body"].read(), document


@pytest.fixture
def undisturbed(
    bucket: LocalBucket, functions: Functions
) -> list[tuple[tuple[bytes, dict[str, Any]], float]]:
    """The result of each picture without a kill, and how many seconds it took."""
    results = []
    for number, data in enumerate(PICTURES):
        event = upload(bucket, "undisturbed.png", data, number)
        start = time.perf_counter()
        assert functions.run(event) == 0
        seconds = time.perf_counter() - start
        results.append((result(bucket, "undisturbed.png"), seconds))
    return results


def test_a_retry_after_a_kill_before_or_after_any_request_gives_the_undisturbed_result(
    bucket: LocalBucket, functions: Functions, undisturbed: list[tuple[Any, float]]
) -> None:
    number = 0
    for moment in AT_REQUESTS:
        # "replaced.png" has a result from the round before, the other key never had one
        for name in (f"{number}.png", "replaced.png"):
            for which, data in enumerate(PICTURES):
                number += 1
                event = upload(bucket, name, data, number)

                assert functions.run(event, kill_at=moment) == -signal.SIGKILL
                assert functions.run(event) == 0
                assert result(bucket, name) == undisturbed[which][0]


def test_an_image_sends_no_more_requests_than_are_killed(
    bucket: LocalBucket, functions: Functions
) -> None:
    event = upload(bucket, "a.png", PICTURES[0], 0)

    assert functions.run(event, kill_at={"number": REQUESTS, "after": False}) == 0


def test_a_retry_after_a_kill_at_a_random_moment_gives_the_undisturbed_result(
    bucket: LocalBucket, functions: Functions, undisturbed: list[tuple[Any, float]]
) -> None:
    length = undisturbed[-1][1]
    # At least one moment: in the middle of an invocation
    moments = [(number + 0.5) / max(RANDOM_KILLS, 1) for number in range(max(RANDOM_KILLS, 1))]
    random.Random(0).shuffle(moments)
    for number, moment in enumerate(moments):
        name = f"{number}.png" if number % 2 else "replaced.png"
        which = number // 2 % 2
        event = upload(bucket, name, PICTURES[which], number)
        functions.run(event, kill_after=moment * length)

        assert functions.run(event) == 0
        assert result(bucket, name) == undisturbed[which][0]


def test_a_retry_after_a_kill_leaves_one_annotated_image_of_an_image_whose_format_changes(
    bucket: LocalBucket, functions: Functions
) -> None:
    data = (PICTURES[0], gif(red=(2, 5)))
    number = 0
    for moment in [*AT_REQUESTS, {"number": REQUESTS, "after": False}]:
        for which in (0, 1):
            number += 1
            event = upload(bucket, "a.png", data[which], number)
            # There is one request more, the deletion, when a result is replaced
            killed = functions.run(event, kill_at=moment if number > 1 else None)
            assert killed == (-signal.SIGKILL if number > 1 else 0)

            assert functions.run(event) == 0
            found = bucket.client.list_objects_v2(Bucket=BUCKET, Prefix="output/")["Contents"]
            annotated = ("output/a.png", "output/a.png.jpg")[which]
            assert {item["Key"] for item in found} == {annotated, "output/a.png.json"}


def test_a_retry_after_a_kill_leaves_no_annotated_image_when_nothing_is_drawn_any_more(
    bucket: LocalBucket, functions: Functions
) -> None:
    documents = Functions("none")
    try:
        number = 0
        # One request more: the deletion of the annotated image
        for moment in [*AT_REQUESTS, {"number": REQUESTS, "after": False}]:
            number += 1
            before = upload(bucket, "a.png", PICTURES[0], number)
            assert functions.run(before) == 0
            number += 1
            event = upload(bucket, "a.png", PICTURES[1], number)

            # The same event was also begun by a function that draws, and was killed there
            functions.run(event, kill_at={"number": 3, "after": False})
            assert documents.run(event, kill_at=moment) == -signal.SIGKILL
            assert documents.run(event) == 0

            found = bucket.client.list_objects_v2(Bucket=BUCKET, Prefix="output/")["Contents"]
            assert {item["Key"] for item in found} == {"output/a.png.json"}
            answer = bucket.client.get_object(Bucket=BUCKET, Key="output/a.png.json")
            document = json.loads(answer["Body"].read())
            assert document["annotated"] is None
            assert [item["label"] for item in document["detections"]] == ["green"]
    finally:
        documents.close()
