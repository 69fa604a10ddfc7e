"""`python -m modules failures` on a bucket with images that failed."""

import json
import os
import pty
import subprocess
import sys
from datetime import datetime
from typing import Any

import cv2
import pytest

from modules.cli import main
from modules.cli.failed_records import failed_images
from modules.cli.local_aws.bucket import BUCKET, LocalBucket
from modules.settings import Settings
from modules.storage.client import create_client
from tests.colour_model import picture
from tests.conftest import ROOT
from tests.function.local_function import LocalFunction

GOOD = bytes(cv2.imencode(".png", picture(red=(1, 1)))[1])
BAD = b"<html>not found</html>"


class Pictures:
    """A bucket and the function that handles its events."""

    def __init__(self, bucket: LocalBucket, function: LocalFunction) -> None:
        self.bucket, self.function = bucket, function

    def drop(self, key: str, data: bytes) -> None:
        self.bucket.client.put_object(Bucket=BUCKET, Key=key, Body=data)
        self.function.handle({"bucket": BUCKET, "key": key})


@pytest.fixture
def pictures(bucket: LocalBucket, function: LocalFunction) -> Pictures:
    return Pictures(bucket, function)


def failures(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[Any], str]:
    """Returns the exit code, the printed documents and the messages on standard error."""
    capsys.readouterr()
    code = main(["failures", f"s3://{BUCKET}", *arguments])
    output = capsys.readouterr()
    return code, [json.loads(line) for line in output.out.splitlines()], output.err


def test_without_failures_the_command_succeeds(
    pictures: Pictures, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures.drop("input/good.png", GOOD)

    assert failures(capsys) == (0, [], "nothing failed\n")


def test_each_failure_is_printed_with_its_reason(
    pictures: Pictures, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures.drop("input/a/page é.png", BAD)

    code, (found,), messages = failures(capsys)

    assert code == 1
    assert found["key"] == "input/a/page é.png"
    assert found["kind"] == "ImageError"
    assert "HTML" in found["message"]
    assert found["record"] == "failed/a/page é.png.json"
    assert found["superseded"] is False
    assert datetime.fromisoformat(found["failed_at"]).tzinfo
    assert messages == "1 ImageError\n"


def test_failures_are_ordered_by_newest_time_then_by_key(
    pictures: Pictures, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = [f"input/{number}.png" for number in range(12)]
    for key in reversed(keys):
        pictures.drop(key, BAD)

    _, found, messages = failures(capsys)

    assert sorted(image["key"] for image in found) == sorted(keys)
    assert found == sorted(
        found,
        key=lambda image: (-datetime.fromisoformat(image["failed_at"]).timestamp(), image["key"]),
    )
    assert messages == "12 ImageError\n"


def test_an_image_with_a_later_result_is_shown_only_with_all(
    pictures: Pictures, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures.drop("input/a.png", BAD)
    pictures.drop("input/b.png", BAD)
    pictures.drop("input/a.png", GOOD)

    _, hidden, messages = failures(capsys)
    code, every, _ = failures(capsys, "--all")

    assert [image["key"] for image in hidden] == ["input/b.png"]
    assert messages == "1 ImageError\n1 superseded by a newer result\n"
    assert code == 1
    assert {image["key"]: image["superseded"] for image in every} == {
        "input/a.png": True,
        "input/b.png": False,
    }


def test_the_command_succeeds_if_every_failed_image_has_a_later_result(
    pictures: Pictures, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures.drop("input/a.png", BAD)
    pictures.drop("input/a.png", GOOD)

    assert failures(capsys) == (0, [], "nothing failed\n1 superseded by a newer result\n")


def test_prefix_selects_by_the_keys_of_the_images(
    pictures: Pictures, capsys: pytest.CaptureFixture[str]
) -> None:
    for key in ("input/2025/a.png", "input/2026/a.png", "input/2026/b.png"):
        pictures.drop(key, BAD)

    _, found, _ = failures(capsys, "--prefix", "input/2026/")

    assert {image["key"] for image in found} == {"input/2026/a.png", "input/2026/b.png"}


def test_an_unreadable_record_is_listed_as_unreadable(
    bucket: LocalBucket, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, data in (("a.png.json", b"{"), ("b.png.json", b"[1]"), ("notes.txt", b"mine")):
        bucket.client.put_object(Bucket=BUCKET, Key=f"failed/{name}", Body=data)

    code, found, _ = failures(capsys)

    assert code == 1
    assert {(image["key"], image["kind"]) for image in found} == {
        ("input/a.png", "unreadable"),
        ("input/b.png", "unreadable"),
    }


@pytest.mark.parametrize("location", ["pictures", "s3://", "s3://pictures/failed", "http://a"])
def test_a_malformed_location_is_wrong_usage(
    location: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["failures", location]) == 2

    assert f"{location} is no bucket; one is written s3://BUCKET" in capsys.readouterr().err


def test_a_missing_bucket_is_named(bucket: LocalBucket, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["failures", "s3://nowhere"]) == 2

    error = capsys.readouterr().err
    assert "s3://nowhere/failed/" in error
    assert "NoSuchBucket" in error


def test_a_terminal_gets_a_table(pictures: Pictures) -> None:
    pictures.drop("input/a.png", BAD)
    leader, follower = pty.openpty()

    done = subprocess.run(
        [sys.executable, "-m", "modules", "failures", f"s3://{BUCKET}"],
        cwd=ROOT,
        env={**os.environ, **pictures.bucket.environment, "COLUMNS": "160", "TERM": "dumb"},
        stdout=follower,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(follower)
    shown = os.read(leader, 100_000).decode()
    os.close(leader)

    assert done.returncode == 1
    assert "failed at" in shown
    assert "input/a.png" in shown
    assert "ImageError" in shown
    assert "{" not in shown
    assert "1 ImageError" in done.stderr


def test_the_result_of_a_key_that_is_too_long_for_one_is_not_requested(pictures: Pictures) -> None:
    key = "input/" + "x" * 1018
    pictures.drop(key, GOOD)
    client, requested = create_client(), list[str]()
    client.meta.events.register(
        "before-parameter-build.s3", lambda params, **_: requested.append(params.get("Key", ""))
    )

    (failed,) = failed_images(client, BUCKET, Settings())

    assert (failed.key, failed.kind, failed.is_superseded) == (key, "ImageError", False)
    assert max(len(each) for each in requested) <= 1024
