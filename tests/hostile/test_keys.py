"""No part of a key is ever used as a path on this machine's disk."""

import sys
from collections.abc import Iterator
from itertools import chain
from typing import Any
from urllib.parse import quote_plus

import pytest

from modules.cli.local_aws.bucket import BUCKET, LocalBucket
from tests.function.local_function import LocalFunction
from tests.hostile.builders import gradient, save

MARK = "zqx"  # in every key, and in no path that is there for another reason
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
    """An audit hook, which stays for good: it hears of every path and every command."""
    if _is_watching and (event == "open" or event.startswith(("os.", "shutil.", "subprocess."))):
        _opened.append(f"{event} {arguments!r}")


sys.addaudithook(_watch)


@pytest.fixture
def opened() -> Iterator[list[str]]:
    """Every path that this process uses while the test runs."""
    global _is_watching
    _opened.clear()
    _is_watching = True
    yield _opened
    _is_watching = False


def event_of(*keys: str) -> dict[str, Any]:
    """As S3 sends it: its keys are URL-encoded."""
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


def test_results_lie_under_prefix_and_rest_of_the_key_and_no_file_is_touched(
    bucket: LocalBucket, function: LocalFunction, opened: list[str]
) -> None:
    for rest in KEYS:
        bucket.client.put_object(Bucket=BUCKET, Key=f"input/{rest}", Body=PNG)

    report = function.handle(event_of(*[f"input/{rest}" for rest in KEYS]))

    assert report["done"] == [f"input/{rest}" for rest in KEYS]
    wanted = [[f"input/{rest}", f"output/{rest}", f"output/{rest}.json"] for rest in KEYS]
    assert stored(bucket) == set(chain(*wanted))
    assert opened, "or else nothing was watched"
    assert not [path for path in opened if MARK in path]


def test_reasons_do_so_too(bucket: LocalBucket, function: LocalFunction, opened: list[str]) -> None:
    for rest in KEYS:
        bucket.client.put_object(Bucket=BUCKET, Key=f"input/{rest}", Body=b"<html>")

    report = function.handle(event_of(*[f"input/{rest}" for rest in KEYS]))

    assert report["failed"] == [f"input/{rest}" for rest in KEYS]
    wanted = [[f"input/{rest}", f"failed/{rest}.json"] for rest in KEYS]
    assert stored(bucket) == set(chain(*wanted))
    assert not [path for path in opened if MARK in path]
