"""What the packaged role allows the function, and what the documented policy allows readers."""

import json
from collections.abc import Callable

import pytest

from tests.conftest import ROOT
from tests.deployment.framework import Package
from tests.deployment.iam import Policy

OWN = "object-detection-dev-123456789012-us-east-1"
QUEUE = "arn:aws:sqs:us-east-1:123456789012:object-detection-dev-dead-letters"
LOGS = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/object-detection-dev-detect:*"
LOG_STREAM = LOGS.replace("*", "log-stream:2026/11/22/[$LATEST]0123")
OTHER_LOG_STREAM = LOG_STREAM.replace("-detect:", "-detect-other:")
MODEL = "models/yolo-fastest-1.1-xl"


def policy_of(package: Package) -> Policy:
    (policy,) = package.properties("DetectRole")["Policies"]
    attributes = {"AWS::Partition": "aws", "DeadLetters.Arn": QUEUE, "DetectLogGroup.Arn": LOGS}
    return Policy(policy["PolicyDocument"], attributes)


@pytest.fixture
def policy(package: Callable[[str], Package]) -> Policy:
    return policy_of(package("default"))


def s3(bucket: str, key: str = "") -> str:
    return f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}"


def test_the_function_has_only_this_role(package: Callable[[str], Package]) -> None:
    assert package("default").function["Role"] == {"Fn::Sub": "${DetectRole.Arn}"}
    assert package("default").of_type("AWS::IAM::Role") == ["DetectRole"]
    assert "ManagedPolicyArns" not in package("default").properties("DetectRole")


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("s3:GetObject", s3(OWN, "input/a/b.jpg")),
        ("s3:GetObject", s3(OWN, f"{MODEL}/yolo.weights")),
        ("s3:GetObject", s3(OWN, "output/a/b.jpg.json")),
        ("s3:GetObject", s3(OWN, "failed/a/b.jpg.json")),
        ("s3:PutObject", s3(OWN, "output/a/b.jpg")),
        ("s3:PutObject", s3(OWN, "failed/a/b.jpg.json")),
        ("s3:DeleteObject", s3(OWN, "output/a/b.jpg")),
        ("sqs:SendMessage", QUEUE),
        ("logs:CreateLogStream", LOG_STREAM),
        ("logs:PutLogEvents", LOG_STREAM),
    ],
)
def test_what_the_function_needs_is_allowed(policy: Policy, action: str, resource: str) -> None:
    assert policy.allows(action, resource)


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("s3:GetObject", s3(OWN, "models/another/yolo.weights")),
        ("s3:GetObject", s3(OWN, "secret.txt")),
        ("s3:GetObject", s3("another", "input/a/b.jpg")),
        ("s3:PutObject", s3(OWN, "input/a/b.jpg")),
        ("s3:PutObject", s3(OWN, f"{MODEL}/yolo.weights")),
        ("s3:PutObject", s3(OWN, "outputs/a.jpg")),
        ("s3:PutObject", s3("another", "output/a.jpg")),
        ("s3:PutObjectAcl", s3(OWN, "output/a/b.jpg")),
        ("s3:DeleteObject", s3(OWN, "input/a/b.jpg")),
        ("s3:DeleteObject", s3(OWN, "failed/a/b.jpg.json")),
        ("s3:DeleteObject", s3(OWN, f"{MODEL}/yolo.weights")),
        ("s3:DeleteObject", s3("another", "output/a/b.jpg")),
        ("s3:DeleteObjectVersion", s3(OWN, "output/a/b.jpg")),
        ("s3:PutBucketNotification", s3(OWN)),
        ("s3:DeleteBucket", s3(OWN)),
        ("s3:ListBucket", s3("another")),
        ("s3:ListAllMyBuckets", "*"),
        ("sqs:ReceiveMessage", QUEUE),
        ("sqs:DeleteMessage", QUEUE),
        ("sqs:SendMessage", QUEUE.replace("dead-letters", "other")),
        ("logs:CreateLogGroup", LOGS),
        ("logs:PutLogEvents", OTHER_LOG_STREAM),
        ("lambda:InvokeFunction", "arn:aws:lambda:us-east-1:123456789012:function:any"),
        ("sts:AssumeRole", "arn:aws:iam::123456789012:role/any"),
        ("kms:Decrypt", "*"),
    ],
)
def test_everything_else_is_denied(policy: Policy, action: str, resource: str) -> None:
    assert not policy.allows(action, resource)


def test_sending_traces_is_allowed_only_with_tracing(package: Callable[[str], Package]) -> None:
    for action in ("xray:PutTraceSegments", "xray:PutTelemetryRecords"):
        assert policy_of(package("everything")).allows(action, "*")
        assert not policy_of(package("default")).allows(action, "*")


def test_only_the_models_prefix_can_be_listed(policy: Policy) -> None:
    assert policy.allows("s3:ListBucket", s3(OWN), s3_prefix=f"{MODEL}/")
    for prefix in ("", "input/", "output/", "models/", "models/another/"):
        assert not policy.allows("s3:ListBucket", s3(OWN), s3_prefix=prefix)


def test_listing_without_a_prefix_is_allowed_so_that_s3_reports_missing_images(
    policy: Policy,
) -> None:
    # S3 checks this permission, without a prefix, before it answers that a key does not exist
    assert policy.allows("s3:ListBucket", s3(OWN))


@pytest.mark.parametrize("name", ["default", "prod", "joined", "everything"])
def test_no_action_is_a_wildcard(package: Callable[[str], Package], name: str) -> None:
    assert not [action for action in policy_of(package(name)).actions() if "*" in action]


@pytest.mark.parametrize(
    ("name", "bucket"),
    [("prod", "object-detection-prod-123456789012-us-east-1"), ("joined", "pictures-of-mine")],
)
def test_replaced_versions_cannot_be_read_or_deleted(
    package: Callable[[str], Package], name: str, bucket: str
) -> None:
    policy = policy_of(package(name))

    assert policy.allows("s3:GetObject", s3(bucket, "input/a.jpg"))
    for action in ("s3:GetObjectVersion", "s3:DeleteObjectVersion"):
        for key in ("input/a.jpg", "output/a.jpg", f"{MODEL}/yolo.weights"):
            assert not policy.allows(action, s3(bucket, key))


def test_a_function_with_a_bundled_model_reads_no_model_and_lists_no_prefix(
    package: Callable[[str], Package],
) -> None:
    policy = policy_of(package("bundled"))

    assert policy.allows("s3:GetObject", s3(OWN, "input/a.jpg"))
    for prefix in ("bundled", "models", MODEL):
        assert not policy.allows("s3:GetObject", s3(OWN, f"{prefix}/yolo.weights"))
        assert not policy.allows("s3:ListBucket", s3(OWN), s3_prefix=f"{prefix}/")


def test_a_model_in_another_bucket_can_be_read_there_and_nothing_else(
    package: Callable[[str], Package],
) -> None:
    policy = policy_of(package("everything"))

    assert policy.allows("s3:GetObject", s3("models-of-mine", "yolov4-tiny/yolo.cfg"))
    assert policy.allows("s3:ListBucket", s3("models-of-mine"), s3_prefix="yolov4-tiny/")
    assert not policy.allows("s3:GetObject", s3("models-of-mine", "yolov4/yolo.cfg"))
    assert not policy.allows("s3:ListBucket", s3("models-of-mine"))
    assert not policy.allows("s3:GetObject", s3("pictures-of-mine", "yolov4-tiny/yolo.cfg"))
    assert not policy.allows("s3:PutObject", s3("models-of-mine", "out/a.jpg"))


@pytest.fixture
def readers() -> list[dict[str, object]]:
    """The statements of the policy in docs/privacy.md, for readers who see no originals."""
    page = (ROOT / "docs" / "privacy.md").read_text()
    document = json.loads(page.split("```json\n")[1].split("```")[0].replace("BUCKET", OWN))
    assert document["Version"] == "2012-10-17"
    statements: list[dict[str, object]] = document["Statement"]
    return statements


def test_readers_of_results_get_pictures_documents_and_their_list(
    readers: list[dict[str, object]],
) -> None:
    policy = Policy({"Statement": readers}, {})

    assert policy.allows("s3:GetObject", s3(OWN, "output/a/b.jpg"))
    assert policy.allows("s3:GetObject", s3(OWN, "output/a/b.jpg.json"))
    assert policy.allows("s3:ListBucket", s3(OWN), s3_prefix="output/")


@pytest.mark.parametrize("is_trusted", [False, True])
def test_readers_of_results_get_no_original_whatever_else_they_are_given(
    readers: list[dict[str, object]], is_trusted: bool
) -> None:
    everything = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    policy = Policy({"Statement": [*readers, *([everything] if is_trusted else [])]}, {})

    for action in ("s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"):
        assert not policy.allows(action, s3(OWN, "input/a/b.jpg"))
    assert not policy.allows("s3:GetObjectVersion", s3(OWN, "output/a/b.jpg"))
    if not is_trusted:
        for key in (f"{MODEL}/yolo.weights", "failed/a.json", "outputs/a.jpg"):
            assert not policy.allows("s3:GetObject", s3(OWN, key))
        assert not policy.allows("s3:PutObject", s3(OWN, "output/a/b.jpg"))
        for prefix in ("", "input/", "out"):
            assert not policy.allows("s3:ListBucket", s3(OWN), s3_prefix=prefix)
