"""`python -m modules redrive` with a real queue over HTTP and a Lambda function that runs."""

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from modules.cli import main
from modules.cli.local_aws.aws import LocalAws
from tests.conftest import ROOT

QUEUE = "object-detection-test-dead-letters"
FUNCTION = "object-detection-test-detect"
# Writes every event that it gets into the bucket "noted"
CODE = """
import json, boto3
def handler(event, context):
    key = event["key"] if "key" in event else event["Records"][0]["s3"]["object"]["key"]
    boto3.client("s3").put_object(Bucket="noted", Key=key, Body=json.dumps(event).encode())
"""


def s3_event(key: str) -> dict[str, Any]:
    return {"Records": [{"s3": {"bucket": {"name": "pictures"}, "object": {"key": key}}}]}


def dead_letter(key: str, kind: str = "StorageError") -> str:
    """Returns a record as in "Capturing records of Lambda asynchronous invocations"."""
    return json.dumps(
        {
            "version": "1.0",
            "timestamp": "2026-11-22T10:00:00.000Z",
            "requestContext": {
                "requestId": "e4b46cbf-b738-xmpl-8880-a18cdf61200e",
                "functionArn": f"arn:aws:lambda:us-east-1:123456789012:function:{FUNCTION}:$LATEST",
                "condition": "RetriesExhausted",
                "approximateInvokeCount": 3,
            },
            "requestPayload": s3_event(key),
            "responseContext": {
                "statusCode": 200,
                "executedVersion": "$LATEST",
                "functionError": "Unhandled",
            },
            "responsePayload": {"errorMessage": "S3 is slow\ntoday", "errorType": kind},
        }
    )


class Deployed:
    """The resources of a deployment that this command uses."""

    def __init__(self, aws: LocalAws) -> None:
        self.aws = aws
        self.sqs = aws.client("sqs")
        self.s3 = aws.client("s3")
        self.s3.create_bucket(Bucket="noted")
        self.queue = self.sqs.create_queue(QueueName=QUEUE)["QueueUrl"]
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as files:
            files.writestr("noting.py", CODE)
        role = aws.client("iam").create_role(RoleName="any", AssumeRolePolicyDocument="{}")
        aws.client("lambda").create_function(
            FunctionName=FUNCTION,
            Runtime="python3.13",
            Handler="noting.handler",
            Role=role["Role"]["Arn"],
            Code={"ZipFile": archive.getvalue()},
            Timeout=30,
            MemorySize=512,
        )

    def fail(self, *bodies: str) -> None:
        for body in bodies:
            self.sqs.send_message(QueueUrl=self.queue, MessageBody=body)

    def waiting(self) -> list[str]:
        """Returns the messages that are visible."""
        found: list[str] = []
        while messages := self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            found += [message["Body"] for message in messages]
        return found

    def kept(self) -> int:
        """Returns the number of messages, visible or not."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=names)
        return sum(int(answer["Attributes"][name]) for name in names)

    def invoked_with(self) -> dict[str, Any]:
        """Returns the events that the function got, by the key of their first image."""
        assert self.aws.functions.wait_until_idle(60)
        listed = self.s3.list_objects_v2(Bucket="noted").get("Contents", ())
        keys = [item["Key"] for item in listed]
        return {
            key: json.loads(self.s3.get_object(Bucket="noted", Key=key)["Body"].read())
            for key in keys
        }


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    with LocalAws() as aws:
        for name, value in aws.environment.items():
            monkeypatch.setenv(name, value)
        yield Deployed(aws)
        aws.functions.wait_until_idle(60)


NAMED = ["redrive", "--queue", QUEUE, "--function", FUNCTION]


def test_every_event_is_sent_to_the_function_and_leaves_the_queue(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = [f"input/{number}.jpg" for number in range(12)]  # more than one request to SQS returns
    deployed.fail(*map(dead_letter, keys))

    assert main(NAMED) == 0

    assert deployed.invoked_with() == {key: s3_event(key) for key in keys}
    assert deployed.waiting() == []
    assert f"12 events sent to {FUNCTION}" in capsys.readouterr().err


def test_force_is_added_to_each_event(deployed: Deployed) -> None:
    deployed.fail(dead_letter("input/a.jpg"))

    assert main([*NAMED, "--force"]) == 0

    assert deployed.invoked_with() == {"input/a.jpg": {**s3_event("input/a.jpg"), "force": True}}


def test_the_command_succeeds_with_an_empty_queue(deployed: Deployed) -> None:
    assert main(NAMED) == 0


def test_a_dry_run_lists_the_events_and_leaves_them_visible(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed.fail(dead_letter("input/a.jpg"))

    assert main([*NAMED, "--dry-run"]) == 0

    assert capsys.readouterr().out == "pictures/input/a.jpg\tS3 is slow today\n"
    assert deployed.invoked_with() == {}
    assert deployed.waiting() == [dead_letter("input/a.jpg")]


def test_a_message_that_is_no_dead_letter_is_named_and_stays_in_the_queue(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed.fail('{"hello": 1}', dead_letter("input/a.jpg"))

    assert main(NAMED) == 1

    assert list(deployed.invoked_with()) == ["input/a.jpg"]
    assert deployed.waiting() == ['{"hello": 1}']
    assert "not a record of a failed invocation" in capsys.readouterr().err


def test_without_the_function_every_event_stays_visible(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed.fail(dead_letter("input/a.jpg"), dead_letter("input/b.jpg"))

    assert main(["redrive", "--queue", QUEUE, "--function", "nobody"]) == 2

    assert len(deployed.waiting()) == 2
    message = capsys.readouterr().err
    assert "nobody" in message
    assert "all events stay where they are" in message


def test_without_a_stack_the_message_names_the_options_to_use_instead(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["redrive", "--stage", "nowhere"]) == 2

    message = capsys.readouterr().err
    assert "object-detection-nowhere" in message
    assert "--queue and --function" in message


def test_queue_and_function_are_outputs_of_the_stack(deployed: Deployed) -> None:
    outputs = {"DeadLetterQueue": deployed.queue, "Function": FUNCTION}
    template = {
        "Resources": {"Any": {"Type": "AWS::SQS::Queue"}},
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }
    deployed.aws.client("cloudformation").create_stack(
        StackName="object-detection-test", TemplateBody=json.dumps(template)
    )
    deployed.fail(dead_letter("input/a.jpg"))

    assert main(["redrive", "--stage", "test"]) == 0

    assert list(deployed.invoked_with()) == ["input/a.jpg"]


def test_no_event_is_lost_if_the_command_is_killed(deployed: Deployed) -> None:
    keys = {f"input/{number}.jpg" for number in range(60)}
    deployed.fail(*map(dead_letter, keys))
    with subprocess.Popen([sys.executable, "-m", "modules", *NAMED], cwd=ROOT) as process:
        while deployed.kept() == len(keys):
            assert process.poll() is None
        process.kill()

    kept = deployed.kept()
    assert kept, "it was not killed midway"
    assert kept + len(deployed.invoked_with()) >= len(keys)


def test_a_message_that_another_reader_has_received_is_left_alone(deployed: Deployed) -> None:
    deployed.fail(dead_letter("input/a.jpg"))
    deployed.sqs.receive_message(QueueUrl=deployed.queue, VisibilityTimeout=600)

    assert main(NAMED) == 0

    assert deployed.invoked_with() == {}
    assert deployed.kept() == 1


def test_key_selects_events_by_the_keys_of_their_images(deployed: Deployed) -> None:
    others = [dead_letter("input/2025/a.jpg"), dead_letter("input/2026/a.png")]
    deployed.fail(dead_letter("input/2026/a+b.jpg"), *others, "no record")

    assert main([*NAMED, "--key", "input/2026/* b.jpg"]) == 0

    assert list(deployed.invoked_with()) == ["input/2026/a+b.jpg"]
    assert sorted(deployed.waiting()) == sorted([*others, "no record"])


def test_kind_selects_events_by_the_error_of_the_last_attempt(deployed: Deployed) -> None:
    other = dead_letter("input/b.jpg", kind="Sandbox.Timedout")
    deployed.fail(dead_letter("input/a.jpg", kind="TransientError"), other)

    assert main([*NAMED, "--kind", "TransientError"]) == 0

    assert list(deployed.invoked_with()) == ["input/a.jpg"]
    assert deployed.waiting() == [other]


def record_failure(deployed: Deployed, key: str, kind: str = "ImageError") -> None:
    """Writes the record that the function writes for an image that failed permanently."""
    document = {
        "schema": 1,
        "image": {"bucket": "pictures", "key": f"input/{key}"},
        "error": {"kind": "permanent", "type": kind, "message": "too large"},
    }
    deployed.s3.put_object(
        Bucket="pictures", Key=f"failed/{key}.json", Body=json.dumps(document).encode()
    )


@pytest.fixture
def pictures(deployed: Deployed) -> Deployed:
    deployed.s3.create_bucket(Bucket="pictures")
    return deployed


def test_failed_images_are_retried_unless_they_have_a_result(
    pictures: Deployed,
) -> None:
    for name in ("a é.jpg", "b.jpg"):
        record_failure(pictures, name)
    pictures.s3.put_object(Bucket="pictures", Key="output/b.jpg.json", Body=b"{}")
    pictures.fail(dead_letter("input/c.jpg"))

    assert main([*NAMED, "--failed", "s3://pictures"]) == 0

    wanted = {"bucket": "pictures", "key": "input/a é.jpg"}
    assert pictures.invoked_with() == {"input/a é.jpg": wanted}
    assert pictures.waiting() == [dead_letter("input/c.jpg")]


def test_key_and_kind_select_failed_images_too(pictures: Deployed) -> None:
    record_failure(pictures, "2026/a.jpg")
    record_failure(pictures, "2026/b.jpg", kind="EventError")
    record_failure(pictures, "2025/c.jpg")

    chosen = ["--failed", "s3://pictures", "--kind", "ImageError", "--key", "input/2026/*"]
    assert main([*NAMED, *chosen]) == 0

    assert list(pictures.invoked_with()) == ["input/2026/a.jpg"]


def test_a_dry_run_of_failed_images_lists_them(
    pictures: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    record_failure(pictures, "a.jpg")

    assert main(["redrive", "--failed", "s3://pictures", "--dry-run"]) == 0

    assert capsys.readouterr().out == "pictures/input/a.jpg\ttoo large\n"
    assert pictures.invoked_with() == {}


def test_the_bucket_of_failed_images_is_an_output_of_the_stack(pictures: Deployed) -> None:
    outputs = {"Bucket": "pictures", "Function": FUNCTION}
    template = {
        "Resources": {"Any": {"Type": "AWS::SQS::Queue"}},
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }
    pictures.aws.client("cloudformation").create_stack(
        StackName="object-detection-test", TemplateBody=json.dumps(template)
    )
    record_failure(pictures, "a.jpg")

    assert main(["redrive", "--stage", "test", "--failed"]) == 0

    assert list(pictures.invoked_with()) == ["input/a.jpg"]


def test_a_malformed_bucket_location_is_wrong_usage(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*NAMED, "--failed", "pictures"]) == 2

    assert "pictures is no bucket" in capsys.readouterr().err
