"""An existing bucket that a deployment joins keeps its other notifications."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from modules.cli.local_aws.moto_server import MotoServer
from tests.conftest import ROOT
from tests.deployment.framework import Package

BUCKET = "pictures-of-mine"
FUNCTION = "object-detection-dev-detect"
# The custom resource that CloudFormation runs on deployment and on removal; osls packages this file
RESOURCE = ROOT / "node_modules/osls/lib/plugins/aws/custom-resources/resources/s3/lib/bucket.js"


def test_the_stack_creates_no_bucket(package: Callable[[str], Package]) -> None:
    for name in ("joined", "everything"):
        buckets = package(name).of_type("AWS::S3::Bucket")
        assert buckets == ["ServerlessDeploymentBucket"]
        assert package(name).of_type("AWS::S3::BucketPolicy") == [
            "ServerlessDeploymentBucketPolicy"
        ]


def test_a_custom_resource_adds_the_trigger(package: Callable[[str], Package]) -> None:
    (name,) = package("joined").of_type("Custom::S3")
    trigger = package("joined").properties(name)

    assert (trigger["BucketName"], trigger["FunctionName"]) == (BUCKET, FUNCTION)
    assert trigger["BucketConfigs"] == [
        {"Event": "s3:ObjectCreated:*", "Rules": [{"Prefix": "input/"}]}
    ]
    (name,) = package("everything").of_type("Custom::S3")
    assert package("everything").properties(name)["FunctionQualifier"] == "snapstart"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with MotoServer() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        client = server.client("s3")
        client.create_bucket(Bucket=BUCKET)
        yield client
        client.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration={})
        client.delete_bucket(Bucket=BUCKET)


def run_resource(function: str, trigger: dict[str, Any]) -> None:
    """Runs the custom resource's code in Node, as Lambda would."""
    node = shutil.which("node")
    assert node
    arguments = {
        "lambdaArn": f"arn:aws:lambda:us-east-1:123456789012:function:{FUNCTION}",
        "functionName": FUNCTION,
        "bucketName": BUCKET,
        "bucketConfigs": trigger["BucketConfigs"],
        "region": "us-east-1",
    }
    code = f"require({json.dumps(str(RESOURCE))}).{function}({json.dumps(arguments)})"
    subprocess.run([node, "-e", code], check=True, cwd=ROOT)


OTHERS = {
    "Id": "thumbnails",
    "LambdaFunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:thumbnails",
    "Events": ["s3:ObjectCreated:*"],
    "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "photos/"}]}},
}


def notifications(s3: Any) -> list[dict[str, Any]]:
    answer = s3.get_bucket_notification_configuration(Bucket=BUCKET)
    found: list[dict[str, Any]] = answer["LambdaFunctionConfigurations"]
    return found


def test_other_notifications_survive_deployment_and_removal(
    s3: Any, package: Callable[[str], Package]
) -> None:
    (name,) = package("joined").of_type("Custom::S3")
    trigger = package("joined").properties(name)
    s3.put_bucket_notification_configuration(
        Bucket=BUCKET, NotificationConfiguration={"LambdaFunctionConfigurations": [OTHERS]}
    )
    before = notifications(s3)

    run_resource("updateConfiguration", trigger)
    run_resource("updateConfiguration", trigger)  # a second deployment

    deployed = notifications(s3)
    assert len(deployed) == 2
    assert before[0] in deployed

    run_resource("removeConfiguration", trigger)

    assert notifications(s3) == before


def test_the_documented_notification_of_results_survives_deployments(
    s3: Any, package: Callable[[str], Package]
) -> None:
    page = (ROOT / "docs" / "deployment.md").read_text()
    (code,) = re.findall(r"^```python\n(import boto3\n.*?)^```", page, re.MULTILINE | re.DOTALL)
    (name,) = package("joined").of_type("Custom::S3")
    trigger = package("joined").properties(name)
    run_resource("updateConfiguration", trigger)

    subprocess.run([sys.executable, "-c", code], check=True)
    run_resource("updateConfiguration", trigger)  # the next deployment

    answer = s3.get_bucket_notification_configuration(Bucket=BUCKET)
    (told,) = answer["QueueConfigurations"]
    assert told["QueueArn"] == "arn:aws:sqs:us-east-1:123456789012:results"
    assert [rule["Value"] for rule in told["Filter"]["Key"]["FilterRules"]] == ["output/", ".json"]
    assert len(notifications(s3)) == 1


def test_a_deployment_replaces_the_triggers_by_suffix_of_earlier_deployments(
    s3: Any, package: Callable[[str], Package]
) -> None:
    """Earlier versions had one trigger for each suffix. S3 refuses triggers that overlap."""
    (name,) = package("joined").of_type("Custom::S3")
    trigger = package("joined").properties(name)
    s3.put_bucket_notification_configuration(
        Bucket=BUCKET, NotificationConfiguration={"LambdaFunctionConfigurations": [OTHERS]}
    )
    by_suffix = [
        {"Event": "s3:ObjectCreated:*", "Rules": [{"Prefix": "input/"}, {"Suffix": suffix}]}
        for suffix in (".jpg", ".JPG", ".png", ".PNG")
    ]
    run_resource("updateConfiguration", {"BucketConfigs": by_suffix})
    assert len(notifications(s3)) == 5

    run_resource("updateConfiguration", trigger)

    others, ours = notifications(s3)
    assert others["Id"] == "thumbnails"
    assert ours["Filter"]["Key"]["FilterRules"] == [{"Name": "prefix", "Value": "input/"}]
