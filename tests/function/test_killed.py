"""A function killed at any moment leaves nothing that the next attempt does not make good."""

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
from tests.colour_model import picture, write_colour_model
from tests.conftest import ROOT

KILLS = 200
PICTURES = [
    bytes(cv2.imencode(".png", image)[1])
    for image in (picture(red=(2, 5), green=(6, 1)), picture(green=(1, 1)))
]


class Functions:
    """Warm functions, one an event."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.function.fork_server", BUCKET],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._read() == "ready"

    def close(self) -> None:
        self._server.kill()
        self._server.communicate()

    def run(self, event: dict[str, Any], *, kill_after: float | None = None) -> int:
        """Serves an event; returns how that ended: 0 for well, -9 for killed."""
        assert self._server.stdin
        self._server.stdin.write(json.dumps(event) + "\n")
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
def bucket() -> Iterator[LocalBucket]:
    """A bucket whose events nobody fetches."""
    with LocalBucket("nothing/") as local:
        yield local


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
    """The annotated image, and the document less what differs from one making to the next."""
    image = bucket.client.get_object(Bucket=BUCKET, Key=f"output/{name}")
    answer = bucket.client.get_object(Bucket=BUCKET, Key=f"output/{name}.json")
    assert answer["Metadata"]["image-etag"] == image["ETag"].strip('"')
    document = json.loads(answer["Body"].read())
    del document["timings_ms"]
    del document["image"]["key"]
    return image["Body"].read(), document


def test_killed_at_any_of_200_moments_the_next_attempt_gives_the_undisturbed_result(
    bucket: LocalBucket, functions: Functions
) -> None:
    undisturbed: list[tuple[bytes, dict[str, Any]]] = []
    length = 0.0
    for data in PICTURES:
        event = upload(bucket, "undisturbed.png", data, len(undisturbed))
        start = time.perf_counter()
        assert functions.run(event) == 0
        length = time.perf_counter() - start
        undisturbed.append(result(bucket, "undisturbed.png"))
    moments = [number / KILLS * length for number in range(KILLS)]
    random.Random(0).shuffle(moments)
    endings = set()

    for number, moment in enumerate(moments):
        # one image that is replaced again and again, and every other time one without a result
        name = f"{number}.png" if number % 2 else "replaced.png"
        which = number // 2 % 2
        event = upload(bucket, name, PICTURES[which], number)
        endings.add(functions.run(event, kill_after=moment))

        assert functions.run(event) == 0
        assert result(bucket, name) == undisturbed[which]

    assert -signal.SIGKILL in endings
