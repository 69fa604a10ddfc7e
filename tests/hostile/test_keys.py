"""No part of a key is ever used as a path on the local disk."""

import sys
from collections.abc import Iterator
from itertools import chain
from typing import Any
from urllib.parse import quote_plus

import pytest

from modules.cli.local_aws.bucket import BUCKET, LocalBucket
from tests.function.local_function import LocalFunction
from tests.hostile.builders import gradient, save

MARK = "zqx"  # is part of every key, and of no other path
PNG = save(gradient(), "PNG")
KEYS = [
    f"../../etc/{MARK}.jpg",
    f"../../../../../../tmp/{MARK}.jpg",
    f"/etc/{MARK}.jpg",
    f"//{MARK}.jpg",
    f"..%2f{MARK}",
    f"%00{MARK}.jpg",
    f"{MARK}\t\x01.jpg",
    f"C:\\{MARK}\\con.jpg",
    f"file:///etc/{MARK}.jpg",
    f"{MARK}.jpg/../{MARK}.jpg",
    f"./{MARK}/.",
    f"~/{MARK}.jpg",
    f"$(touch {MARK}).jpg",
    f"`{MARK}`;rm -rf .jpg",
    f"🐶{MARK}犬\u202egpj.jpg",
    f"{MARK}" + "k" * (1024 - len(f"output/{MARK}.json")),
]

_opened: list[str] = []
_is_watching = False


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    """Records every path and command that Python uses; an audit hook cannot be removed."""
    if _is_watching and (event == "open" or event.startswith(("os.", "shutil.", "subprocess."))):
        _opened.append(f"{event} {arguments!r}")


sys.addaudithook(_watch)


@pytest.fixture
def opened() -> Iterator[list[str]]:
    """The paths and commands that this process uses during the test."""
    global _is_watching
    _opened.clear()
    _is_watching = True
    yield _opened
    _is_watching = False


def event_of(*keys: str) -> dict[str, Any]:
    """Returns an event as S3 sends it, with URL-encoded keys."""
    return {
        "Records": [
            {
                "eventName": "ObjectCreated:Put",
                "s3": {"bucket": {"name": BUCKET}, "object": {"key": quote_plus(key)}},
            }
            for key in keys
        ]
    }


def stored(bucket: LocalBucket) -> set[str]:
    listing = bucket.client.list_objects_v2(Bucket=BUCKET)["Contents"]
    return {item["Key"] for item in listing if not item["Key"].startswith("models/")}


def test_results_of_hostile_keys_stay_under_the_output_prefix_and_touch_no_file(
    bucket: LocalBucket, function: LocalFunction, opened: list[str]
) -> None:
    for rest in KEYS:
        bucket.client.put_object(Bucket=BUCKET, Key=f"input/{rest}", Body=PNG)

    report = function.handle(event_of(*[f"input/{rest}" for rest in KEYS]))

    assert report["done"] == [f"input/{rest}" for rest in KEYS]
    wanted = [[f"input/{rest}", f"output/{rest}", f"output/{rest}.json"] for rest in KEYS]
    assert stored(bucket) == set(chain(*wanted))
    assert opened, "the audit hook must record something"
    assert not [path for path in opened if MARK in path]


def test_failures_of_hostile_keys_stay_under_the_failed_prefix_and_touch_no_file(
    bucket: LocalBucket, function: LocalFunction, opened: list[str]
) -> None:
    for rest in KEYS:
        bucket.client.put_object(Bucket=BUCKET, Key=f"input/{rest}", Body=b"<html>")

    report = function.handle(event_of(*[f"input/{rest}" for rest in KEYS]))

    assert report["failed"] == [f"input/{rest}" for rest in KEYS]
    wanted = [[f"input/{rest}", f"failed/{rest}.json"] for rest in KEYS]
    assert stored(bucket) == set(chain(*wanted))
    assert not [path for path in opened if MARK in path]
