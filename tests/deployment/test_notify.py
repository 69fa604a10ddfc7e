"""`--param notify=DESTINATION`: the created bucket tells a destination of each document."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.deployment.framework import Package, params, serverless
from tests.deployment.test_refusals import problems

QUEUE = "arn:aws:sqs:us-east-1:123456789012:results"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:count"
BUCKET = "object-detection-dev-123456789012-us-east-1"


def notifications(package: Package) -> dict[str, Any]:
    found: dict[str, Any] = package.properties("S3BucketPictures")["NotificationConfiguration"]
    return found


def documents_of(prefix: str) -> dict[str, Any]:
    rules = [{"Name": "prefix", "Value": prefix}, {"Name": "suffix", "Value": ".json"}]
    return {"Event": "s3:ObjectCreated:*", "Filter": {"S3Key": {"Rules": rules}}}


@pytest.mark.parametrize(
    ("name", "added"),
    [
        ("queue", {"QueueConfigurations": [documents_of("output/") | {"Queue": QUEUE}]}),
        (
            "topic",
            {
                "TopicConfigurations": [
                    documents_of("my+out/")
                    | {"Topic": "arn:aws:sns:us-east-1:999999999999:results"}
                ]
            },
        ),
        ("eventbridge", {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}),
    ],
)
def test_the_destination_is_added_beside_the_trigger(
    package: Callable[[str], Package], name: str, added: dict[str, Any]
) -> None:
    trigger = notifications(package("default"))

    assert notifications(package(name)) == trigger | added
    assert package(name).of_type("AWS::Lambda::Permission") == package("default").of_type(
        "AWS::Lambda::Permission"
    )
    for policy in ("AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy"):
        assert package(name).of_type(policy) == []  # it would replace the owner's policy


def test_a_function_is_told_beside_the_trigger_and_allows_it_to_this_bucket_alone(
    package: Callable[[str], Package],
) -> None:
    packaged = package("function")
    trigger, told = notifications(packaged)["LambdaConfigurations"]

    assert told == documents_of("output/") | {"Function": f"{FUNCTION}:live"}
    assert trigger == notifications(package("default"))["LambdaConfigurations"][0]
    assert packaged.properties("NotifyPermission") == {
        "FunctionName": f"{FUNCTION}:live",
        "Action": "lambda:InvokeFunction",
        "Principal": "s3.amazonaws.com",
        "SourceArn": {"Fn::Sub": f"arn:${{AWS::Partition}}:s3:::{BUCKET}"},
        "SourceAccount": {"Ref": "AWS::AccountId"},
    }
    assert "NotifyPermission" in packaged.template["Resources"]["S3BucketPictures"]["DependsOn"]


def test_the_documented_statement_allows_the_bucket_to_send_to_the_queue() -> None:
    page = (ROOT / "docs" / "deployment.md").read_text()
    (text,) = re.findall(r"^  ```json\n(  {\n.*?)^  ```", page, re.MULTILINE | re.DOTALL)
    statement = json.loads(text)

    assert statement["Principal"] == {"Service": "s3.amazonaws.com"}
    assert (statement["Action"], statement["Resource"]) == ("sqs:SendMessage", QUEUE)
    assert statement["Condition"] == {
        "ArnEquals": {"aws:SourceArn": f"arn:aws:s3:::{BUCKET}"},
        "StringEquals": {"aws:SourceAccount": "123456789012"},
    }
    assert f"--param notify={QUEUE}" in page


NO_DESTINATIONS = [
    "results",
    "true",
    "EventBridge",
    "https://sqs.us-east-1.amazonaws.com/123456789012/results",
    "arn:aws:s3:::results",
    "arn:aws:sqs:us-east-1:123456789012:results.fifo",  # S3 sends to no FIFO queue or topic
    "arn:aws:sns:us-east-1:123456789012:results.fifo",
    "arn:aws:sns:us-east-1:123456789012:results:0a1b2c3d-subscription",
    "arn:aws:sqs:us-east-1:12345:results",
    "arn:aws:sqs::123456789012:results",
    "arn:aws:lambda:us-east-1:123456789012:count",
    "arn:aws:lambda:us-east-1:123456789012:function:count:$LATEST",
    "arn:aws:lambda:us-east-1:123456789012:function:*",
    f"{QUEUE},{QUEUE}",
    f" {QUEUE}",
]


def test_what_is_no_destination_is_refused_by_name() -> None:
    for given, found in zip(
        NO_DESTINATIONS, problems(*({"notify": text} for text in NO_DESTINATIONS)), strict=True
    ):
        assert found == [
            f"notify={given} cannot work: it must be the ARN of an SNS topic, an SQS queue "
            "(neither FIFO) or a Lambda function, or eventbridge, or empty"
        ]


def test_destinations_of_every_partition_are_accepted() -> None:
    accepted = [
        QUEUE,
        FUNCTION,
        f"{FUNCTION}:42",
        "eventbridge",
        "arn:aws-cn:sns:cn-north-1:123456789012:a_topic-1",
        "arn:aws-us-gov:sqs:us-gov-west-1:123456789012:results",
    ]

    assert problems(*({"notify": text} for text in accepted)) == [[]] * len(accepted)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"notify": "eventbridge", "bucket": "mine"},
            "notify=eventbridge cannot work: it must be empty with bucket=mine, whose "
            "notifications are its owner's; docs/deployment.md shows how to add one",
        ),
        (
            {"notify": FUNCTION.replace("count", "object-detection-dev-detect")},
            "something else than the stack's own function and queue",
        ),
        (
            {"notify": FUNCTION.replace("count", "object-detection-dev-detect:snapstart")},
            "something else than the stack's own function and queue",
        ),
        (
            {"notify": QUEUE.replace("results", "object-detection-dev-dead-letters")},
            "something else than the stack's own function and queue",
        ),
        (
            {"notify": QUEUE, "failedPrefix": "output/failed/"},
            "failedPrefix=output/failed/ cannot work: it must be a prefix outside "
            "outputPrefix=output/ with notify, or failures would count as results",
        ),
    ],
    ids=["joined bucket", "own function", "own alias", "dead letters", "failures inside"],
)
def test_a_destination_that_cannot_work_here_is_refused_by_name(
    given: dict[str, str], message: str
) -> None:
    ((problem,),) = problems(given)

    assert message in problem


@pytest.mark.parametrize(
    ("destination", "expected"),
    [
        (QUEUE.replace("us-east-1", "eu-west-1"), "in the region of the deployment, us-east-1"),
        (
            FUNCTION.replace("123456789012", "999999999999"),
            "a function of this account, 123456789012; a topic or queue may be of another one",
        ),
    ],
    ids=["region", "account"],
)
def test_a_destination_in_another_place_is_refused_at_packaging(
    destination: str, expected: str, aws: dict[str, str]
) -> None:
    run = serverless("package", *params(notify=destination), environment=aws)

    assert run.returncode == 1
    assert f"notify={destination} cannot work: it must be {expected}" in run.stdout + run.stderr
