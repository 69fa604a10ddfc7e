"""`drop` against a bucket and a function of this machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest

from modules.cli import main
from modules.cli.local_aws.bucket import BUCKET, LocalBucket
from tests.cli.command import command
from tests.colour_model import gif, picture
from tests.conftest import ROOT
from tests.deployment.stack import list_keys
from tests.faults.proxy import FaultyProxy
from tests.function.local_function import LocalFunction


def drop(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return command("drop", "--timeout", 120, *arguments, environment=environment)


def write_picture(path: Path, **squares: tuple[int, int]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    encoded = cv2.imencode(".png", picture(**squares))[1]
    path.write_bytes(bytes(encoded))
    return path


@pytest.fixture
def answering(bucket: LocalBucket, make_function: Callable[..., LocalFunction]) -> Iterator[Any]:
    """A function that answers the bucket's events in the background."""
    function = make_function()
    is_over = threading.Event()

    def serve() -> None:
        while not is_over.wait(0.1):
            for event in bucket.events():
                function.handle(event)

    thread = threading.Thread(target=serve)
    thread.start()
    yield function
    is_over.set()
    thread.join()


def read(bucket: LocalBucket, key: str) -> bytes:
    return bucket.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()


def test_a_folder_of_pictures_is_uploaded_answered_and_saved(
    bucket: LocalBucket, answering: LocalFunction, tmp_path: Path
) -> None:
    first = write_picture(tmp_path / "mine" / "a.png", red=(2, 5))
    write_picture(tmp_path / "mine" / "trip" / "b", green=(1, 1))
    (tmp_path / "mine" / "notes.txt").write_text("no picture")
    output = tmp_path / "boxed"

    run = drop(tmp_path / "mine", f"s3://{BUCKET}", "--output", output)

    assert run.returncode == 0, run.stderr
    rows = [line.split("\t")[:2] for line in run.stdout.splitlines()]
    assert sorted(rows) == [["input/a.png", "red"], ["input/trip/b", "green"]]
    assert "1 .txt" in run.stderr
    written = sorted(str(path.relative_to(output)) for path in output.rglob("*") if path.is_file())
    assert written == ["a.png", "a.png.json", "trip/b", "trip/b.json"]
    assert (cv2.imread(str(output / "a.png")) != cv2.imread(str(first))).any()
    document = json.loads((output / "a.png.json").read_text())
    assert document["image"]["key"] == "input/a.png"
    assert read(bucket, "input/a.png") == first.read_bytes()

    again = drop(tmp_path / "mine", "--output", output, "--json")  # the only bucket there

    assert again.returncode == 0, again.stderr
    keys = [json.loads(line)["image"]["key"] for line in again.stdout.splitlines()]
    assert sorted(keys) == ["input/a.png", "input/trip/b"]
    assert again.stderr.count("was there already") == 2


def test_a_format_that_is_only_read_is_saved_as_jpeg_under_the_name_that_the_function_gives(
    bucket: LocalBucket, answering: LocalFunction, tmp_path: Path
) -> None:
    (tmp_path / "a.gif").write_bytes(gif(red=(2, 5)))

    run = drop(tmp_path / "a.gif", f"s3://{BUCKET}", "--output", tmp_path / "boxed", "--json")

    assert run.returncode == 0, run.stderr
    assert {path.name for path in (tmp_path / "boxed").iterdir()} == {"a.gif.jpg", "a.gif.json"}
    assert (tmp_path / "boxed" / "a.gif.jpg").read_bytes() == read(bucket, "output/a.gif.jpg")
    annotated = json.loads(run.stdout)["annotated"]
    assert annotated["key"] == str(tmp_path / "boxed" / "a.gif.jpg")
    assert annotated["media_type"] == "image/jpeg"


def test_another_picture_under_the_key_stays_as_it_is(
    bucket: LocalBucket, answering: LocalFunction, tmp_path: Path
) -> None:
    theirs = write_picture(tmp_path / "theirs.png", green=(1, 1)).read_bytes()
    bucket.client.put_object(Bucket=BUCKET, Key="input/a.png", Body=theirs)
    mine, output = write_picture(tmp_path / "a.png", red=(2, 5)), tmp_path / "boxed"

    for _ in range(2):
        run = drop(mine, "--output", output)

        assert run.returncode == 0, run.stderr
        key, label, *_ = run.stdout.split("\t")
        assert label == "red"
        assert key.startswith("input/a-")
        assert f"s3://{BUCKET}/{key}" in run.stderr
        assert read(bucket, "input/a.png") == theirs
        assert read(bucket, key) == mine.read_bytes()
    assert len(list_keys(bucket.client, BUCKET, "input/")) == 2
    assert sorted(path.name for path in output.iterdir()) == ["a.png", "a.png.json"]


def test_equal_bytes_are_uploaded_again_only_with_force(
    bucket: LocalBucket, make_function: Callable[..., LocalFunction], tmp_path: Path
) -> None:
    mine = write_picture(tmp_path / "a.png", red=(2, 5))
    bucket.client.put_object(Bucket=BUCKET, Key="input/a.png", Body=mine.read_bytes())
    for event in bucket.events():
        make_function().handle(event)

    assert drop(mine).returncode == 0
    assert list(bucket.events()) == []

    drop(mine, "--force", "--timeout", 0)
    assert len(list(bucket.events())) == 1


def test_pictures_that_fail_are_named_with_the_reason_and_the_others_go_on(
    bucket: LocalBucket, answering: LocalFunction, tmp_path: Path
) -> None:
    good, page = write_picture(tmp_path / "a.png", red=(2, 5)), tmp_path / "page.jpg"
    page.write_text("<html>")
    record = write_picture(tmp_path / "b.json", red=(2, 5))

    run = drop(good, page, record, tmp_path / "gone.jpg")

    assert run.returncode == 1
    assert run.stdout.startswith("input/a.png\tred\t")
    assert f"{page}: an HTML page, not a supported image" in run.stderr
    assert f"{record}: the key of an image must not end in .json" in run.stderr
    assert f"{tmp_path / 'gone.jpg'}: there is no such file or folder" in run.stderr
    keys = list_keys(bucket.client, BUCKET, "input/")
    assert keys == ["input/a.png", "input/page.jpg"]


def test_a_picture_without_an_answer_is_named_with_where_to_look(
    bucket: LocalBucket, tmp_path: Path
) -> None:
    mine, output = write_picture(tmp_path / "a.png", red=(2, 5)), tmp_path / "boxed"
    old = {"schema": 1, "image": {"key": "input/a.png", "etag": "of-another"}, "detections": []}
    bucket.client.put_object(Bucket=BUCKET, Key="output/a.png.json", Body=json.dumps(old).encode())

    run = drop(mine, "--timeout", 0.5, "--output", output)

    assert (run.returncode, run.stdout) == (1, "")
    assert f"{mine}: no answer yet to s3://{BUCKET}/input/a.png" in run.stderr
    assert f"failures s3://{BUCKET}" in run.stderr
    assert "redrive --dry-run" in run.stderr
    assert not output.exists()


def test_ctrl_c_leaves_whole_objects_and_no_files(
    bucket: LocalBucket, proxy: FaultyProxy, tmp_path: Path
) -> None:
    asked = threading.Event()

    def note(method: str, path: str, body: bytes, status: int) -> None:
        if "/output/a.png.json" in path:
            asked.set()

    proxy.on_answer = note
    mine, output = write_picture(tmp_path / "a.png", red=(2, 5)), tmp_path / "boxed"
    with subprocess.Popen(
        [sys.executable, "-m", "modules", "drop", mine, "--output", output],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert asked.wait(120)  # the picture is uploaded, and its answer is waited for

        process.send_signal(signal.SIGINT)

        printed, messages = process.communicate()
    assert (process.returncode, printed) == (130, "")
    assert "1 uploaded pictures get their results anyway" in messages
    assert read(bucket, "input/a.png") == mine.read_bytes()
    assert not output.exists()


def test_a_file_name_that_is_not_utf8_gets_a_key_that_is(
    bucket: LocalBucket, tmp_path: Path
) -> None:
    folder = tmp_path / "mine"
    write_picture(folder / "a.png", red=(2, 5)).rename(folder / os.fsdecode(b"caf\xe9.png"))

    run = drop(folder, "--prefix", "input/trip", "--timeout", 0)

    assert run.returncode == 1
    assert list_keys(bucket.client, BUCKET, "input/") == ["input/trip/caf\\xe9.png"]


def test_a_file_of_somebody_else_is_not_replaced_and_nothing_is_uploaded(
    bucket: LocalBucket, tmp_path: Path
) -> None:
    mine, output = write_picture(tmp_path / "a.png", red=(2, 5)), tmp_path / "boxed"
    theirs = write_picture(output / "a.png", green=(1, 1)).read_bytes()

    run = drop(mine, "--output", output)

    assert run.returncode == 2
    assert f"{output / 'a.png'} was not written by this command" in run.stderr
    assert (output / "a.png").read_bytes() == theirs
    assert list_keys(bucket.client, BUCKET) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["s3://pictures"], "no pictures to upload to s3://pictures; name files or folders"),
        (["a.png", "s3://one", "s3://two"], "pictures go to one bucket; name one"),
        (["a.png", "s3://pictures/input"], "s3://pictures/input is no bucket"),
        (["a.png", "s3://not-there"], "there is no bucket s3://not-there"),
        (["a.png", "--prefix", "in/"], "only pictures under input/ are processed"),
        (["a.png", "--output", "s3://pictures"], "s3://pictures: not a path of this machine"),
        (["a.png", "--timeout", "soon"], "invalid number of seconds value: 'soon'"),
    ],
)
def test_wrong_usage_is_named_before_anything_is_uploaded(
    arguments: list[str],
    message: str,
    bucket: LocalBucket,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_picture(tmp_path / "a.png", red=(2, 5))
    monkeypatch.chdir(tmp_path)

    try:
        code = main(["drop", *arguments])
    except SystemExit as ended:  # argparse found the mistake
        code = int(ended.code or 0)

    assert code == 2
    assert message in capsys.readouterr().err
    assert list_keys(bucket.client, BUCKET) == []


def test_without_a_bucket_one_of_several_has_to_be_named(
    bucket: LocalBucket, tmp_path: Path
) -> None:
    bucket.client.delete_bucket(Bucket=BUCKET)
    for name in ("one-bucket", "another-bucket"):
        bucket.client.create_bucket(Bucket=name)

    run = drop(write_picture(tmp_path / "a.png", red=(2, 5)))

    assert run.returncode == 2
    assert "object-detection-dev" in run.stderr
    assert "name the bucket as the last argument, s3://BUCKET" in run.stderr
