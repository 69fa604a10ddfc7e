"""The Serverless Framework's own commands, run for real against a local bucket."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from modules.cli.local_bucket import BUCKET, LocalBucket

from .colour_model import picture
from .conftest import ROOT

SERVERLESS = ROOT / "node_modules" / ".bin" / "serverless"


def serverless(*arguments: str) -> subprocess.CompletedProcess[str]:
    if not SERVERLESS.exists():
        pytest.fail("the Serverless Framework is not installed; run `make setup`")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [SERVERLESS, *arguments],
        cwd=ROOT,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def test_invoke_local_serves_an_event_from_a_local_bucket(
    bucket: LocalBucket, colour_model: Path, tmp_path: Path
) -> None:
    # the model's place is serverless.yml's; its files may be any model's
    for file in colour_model.iterdir():
        bucket.client.upload_file(str(file), BUCKET, f"models/yolo-fastest-1.1-xl/{file.name}")
    data = bytes(cv2.imencode(".jpg", picture(red=(2, 5)))[1])
    bucket.client.put_object(Bucket=BUCKET, Key="input/dog.jpg", Body=data)

    run = serverless("invoke", "local", "-f", "detect", "-p", "tests/events/s3-put.json")

    assert run.returncode == 0, run.stdout + run.stderr
    report = json.loads(run.stdout[run.stdout.index("{\n") :])
    assert report == {"done": ["input/dog.jpg"], "failed": [], "ignored": []}
    answer = bucket.client.get_object(Bucket=BUCKET, Key="output/dog.jpg.json")
    assert json.loads(answer["Body"].read())["detections"][0]["label"] == "red"


def test_the_package_holds_the_function_and_nothing_else(bucket: LocalBucket) -> None:
    run = serverless("package")

    assert run.returncode == 0, run.stdout + run.stderr
    listing = subprocess.run(
        [sys.executable, "-m", "zipfile", "-l", ".serverless/object-detection.zip"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    names = {line.split()[0] for line in listing.splitlines()[1:]}
    shutil.rmtree(ROOT / ".serverless")
    expected = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "modules").rglob("*.py")
        if "cli" not in path.parts
    }
    assert names == expected | {"lambda_function.py"}
