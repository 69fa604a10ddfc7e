"""From nothing to the first annotated image and back, by the commands that the documentation shows.

The layer holds nothing here: the functions of this AWS find OpenCV in the environment of the tests.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest
from botocore.exceptions import ClientError

from modules.cli.local_aws.aws import LocalAws
from tests.colour_model import picture, write_colour_model
from tests.deployment.framework import params, serverless

BUCKET = "object-detection-dev-123456789012-us-east-1"
DETECT = ["-f", "detect"]


@pytest.fixture
def local_aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalAws]:
    with LocalAws() as aws:
        for name, value in aws.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("SLS_AWS_MONITORING_FREQUENCY", "200")  # milliseconds instead of 5000
        yield aws


def run(*arguments: str) -> str:
    result = serverless(*arguments)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_deploy_use_look_at_and_remove(local_aws: LocalAws, layers: Path, tmp_path: Path) -> None:
    s3 = local_aws.client("s3")

    run("deploy", *params(layerFolder=layers))

    model = write_colour_model(tmp_path / "model")
    for file in model.iterdir():
        s3.upload_file(str(file), BUCKET, f"models/yolo-fastest-1.1-xl/{file.name}")
    image = bytes(cv2.imencode(".jpg", picture(red=(2, 5)))[1])
    s3.put_object(Bucket=BUCKET, Key="input/a/b.JPG", Body=image)
    s3.put_object(Bucket=BUCKET, Key="input/note.txt", Body=b"no image, and no event")
    assert local_aws.functions.wait_until_idle(60)
    found = s3.get_object(Bucket=BUCKET, Key="output/a/b.JPG.json")["Body"].read()
    assert json.loads(found)["detections"][0]["label"] == "red"
    assert listed(s3, "output/") == ["output/a/b.JPG", "output/a/b.JPG.json"]
    assert listed(s3, "failed/") == []

    outputs = run("info", "--verbose")
    assert f"Bucket: {BUCKET}" in outputs
    assert "Function: object-detection-dev-detect" in outputs
    event = tmp_path / "event.json"
    record = {"s3": {"bucket": {"name": BUCKET}, "object": {"key": "input/a/b.JPG"}}}
    event.write_text(json.dumps({"Records": [record]}))
    answer = json.loads(run("invoke", *DETECT, "-p", str(event)))
    assert answer["skipped"] == ["input/a/b.JPG"]  # its result is there
    assert "input/a/b.JPG" in run("logs", *DETECT)

    run("deploy", *params(layerFolder=layers, confidence=0.9))
    configuration = local_aws.client("lambda").get_function_configuration(
        FunctionName="object-detection-dev-detect"
    )
    assert configuration["Environment"]["Variables"]["CONFIDENCE"] == "0.9"

    run("remove")
    assert listed(s3, "output/") == ["output/a/b.JPG", "output/a/b.JPG.json"]
    with pytest.raises(ClientError, match="ResourceNotFound"):
        local_aws.client("lambda").get_function(FunctionName="object-detection-dev-detect")


def listed(s3: Any, prefix: str) -> list[str]:
    contents = s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", ())
    return [item["Key"] for item in contents]
