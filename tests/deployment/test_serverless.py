"""`serverless invoke local` against a local bucket."""

import json
from pathlib import Path

import cv2

from modules.cli.local_aws.bucket import BUCKET, LocalBucket
from tests.colour_model import picture
from tests.deployment.framework import serverless


def test_invoke_local_handles_an_event_of_a_local_bucket(
    bucket: LocalBucket, colour_model: Path, tmp_path: Path
) -> None:
    # the prefix is the default in serverless.yml; the files under it are another model
    for file in colour_model.iterdir():
        bucket.client.upload_file(str(file), BUCKET, f"models/yolo-fastest-1.1-xl/{file.name}")
    data = bytes(cv2.imencode(".jpg", picture(red=(2, 5)))[1])
    bucket.client.put_object(Bucket=BUCKET, Key="input/dog.jpg", Body=data)

    run = serverless("invoke", "local", "-f", "detect", "-p", "tests/events/s3-put.json")

    assert run.returncode == 0, run.stdout + run.stderr
    report = json.loads(run.stdout[run.stdout.index("{\n") :])
    assert report == {"done": ["input/dog.jpg"], "skipped": [], "failed": [], "ignored": []}
    answer = bucket.client.get_object(Bucket=BUCKET, Key="output/dog.jpg.json")
    assert json.loads(answer["Body"].read())["detections"][0]["label"] == "red"
