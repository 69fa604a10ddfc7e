"""The packaged CloudFormation templates."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modules.settings import Settings, variable_of
from tests.conftest import ROOT
from tests.deployment.conftest import PACKAGES
from tests.deployment.framework import Package

Packages = Callable[[str], Package]


def own_bucket(package: Package) -> dict[str, Any]:
    return package.properties("S3BucketPictures")


def test_cfn_lint_finds_nothing(package: Packages) -> None:
    templates = [package(name).path for name in PACKAGES]
    command: list[str | Path]
    command = [Path(sys.executable).parent / "cfn-lint", "--regions", "us-east-1", "eu-central-1"]

    run = subprocess.run(
        [*command, "--", *templates], capture_output=True, text=True, check=False, cwd=ROOT
    )

    assert (run.returncode, run.stdout) == (0, ""), run.stdout + run.stderr


@pytest.mark.parametrize(
    ("name", "prefix"), [("default", "input/"), ("snapstart", "my+photos/%2B%C3%A9/")]
)
def test_the_trigger_filters_by_the_input_prefix_alone(
    name: str, prefix: str, package: Packages
) -> None:
    """S3 expects prefixes URL-encoded: otherwise a prefix with a space would match nothing."""
    configurations = own_bucket(package(name))["NotificationConfiguration"]

    assert list(configurations) == ["LambdaConfigurations"]
    (trigger,) = configurations["LambdaConfigurations"]
    assert trigger["Event"] == "s3:ObjectCreated:*"
    assert trigger["Filter"] == {"S3Key": {"Rules": [{"Name": "prefix", "Value": prefix}]}}


def test_the_created_bucket_is_encrypted_private_and_tls_only(package: Packages) -> None:
    bucket = own_bucket(package("default"))

    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    policy = package("default").properties("PicturesPolicy")
    assert policy["Bucket"] == {"Ref": "S3BucketPictures"}
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_uploads_that_were_never_completed_expire(package: Packages) -> None:
    rules = own_bucket(package("default"))["LifecycleConfiguration"]["Rules"]

    assert {"DaysAfterInitiation": 7} in [
        rule.get("AbortIncompleteMultipartUpload") for rule in rules
    ]


def test_versioning_is_a_parameter(package: Packages) -> None:
    kept = {"Status": "Enabled"}

    assert own_bucket(package("default"))["VersioningConfiguration"] == {"Ref": "AWS::NoValue"}
    assert own_bucket(package("prod"))["VersioningConfiguration"] == kept
    assert own_bucket(package("storage"))["VersioningConfiguration"] == kept


def test_removing_the_stack_keeps_the_bucket(package: Packages) -> None:
    bucket = package("default").template["Resources"]["S3BucketPictures"]

    assert bucket["DeletionPolicy"] == "RetainExceptOnCreate"
    assert bucket["UpdateReplacePolicy"] == "Retain"


def test_the_buckets_name_has_stage_account_and_region_and_is_an_output(package: Packages) -> None:
    name = "object-detection-dev-123456789012-us-east-1"

    assert own_bucket(package("default"))["BucketName"] == name
    assert package("default").template["Outputs"]["Bucket"]["Value"] == name
    assert package("joined").template["Outputs"]["Bucket"]["Value"] == "pictures-of-mine"


def test_events_are_tried_three_times_and_then_kept_for_two_weeks(
    package: Packages,
) -> None:
    queue = package("default").properties("DeadLetters")
    behaviour = package("default").properties("DetectLambdaEvConf")

    assert queue["MessageRetentionPeriod"] == 14 * 24 * 60 * 60
    assert queue["SqsManagedSseEnabled"] is True
    assert behaviour["MaximumRetryAttempts"] == 2
    destination = behaviour["DestinationConfig"]["OnFailure"]["Destination"]
    assert destination == {"Fn::GetAtt": ["DeadLetters", "Arn"]}


def test_the_environment_gives_the_expected_settings(package: Packages) -> None:
    # its engine is the one whose layer is always there
    own = "s3://object-detection-dev-123456789012-us-east-1/"
    assert Settings.from_environment(package("default").environment) == Settings(
        engine="opencv", model=f"{own}models/yolo-fastest-1.1-xl/"
    )
    assert Settings.from_environment(package("auto").environment) == Settings(
        engine="auto", model=f"{own}models/yolox-nano/"
    )
    assert Settings.from_environment(package("everything").environment) == Settings(
        input_prefix="in/coming/",
        output_prefix="out/",
        failed_prefix="bad/",
        model="s3://models-of-mine/yolov4-tiny/",
        model_ttl_seconds=0.5,
        confidence=0.25,
        nms=1,
        multi_label=True,
        classes=("dog", "stop sign"),
        slice_side=320,
        slice_overlap=0.25,
        draw="pixelate",
        resize="letterbox",
        engine="onnxruntime",
        max_image_bytes=1000,
        max_image_pixels=2000,
        force=True,
    )


@pytest.mark.parametrize("name", ["default", "everything"])
def test_opencv_has_the_same_pixel_limit_as_the_settings(package: Packages, name: str) -> None:
    environment = package(name).environment

    assert environment["OPENCV_IO_MAX_IMAGE_PIXELS"] == environment["MAX_IMAGE_PIXELS"]


def test_every_setting_is_in_the_environment(package: Packages) -> None:
    names = {variable_of(name) for name in Settings.__dataclass_fields__}

    assert names <= set(package("default").environment)


def test_memory_timeout_storage_and_concurrency_are_parameters(package: Packages) -> None:
    function, larger = package("default").function, package("everything").function

    assert (function["Runtime"], function["Architectures"]) == ("python3.13", ["x86_64"])
    assert (function["MemorySize"], function["Timeout"]) == (1769, 60)
    assert function["EphemeralStorage"] == {"Size": 512}
    assert function["ReservedConcurrentExecutions"] == {"Ref": "AWS::NoValue"}
    assert larger["Architectures"] == ["arm64"]
    assert (larger["MemorySize"], larger["Timeout"]) == (3008, 120)
    assert package("storage").function["EphemeralStorage"] == {"Size": 1024}
    assert package("snapstart").function["ReservedConcurrentExecutions"] == 5


def test_log_retention_is_a_parameter(package: Packages) -> None:
    days = [package(name).properties("DetectLogGroup")["RetentionInDays"] for name in PACKAGES]

    assert dict(zip(PACKAGES, days, strict=True)) == dict.fromkeys(PACKAGES, 30) | {
        "prod": 365,
        "everything": 7,
    }


@pytest.mark.parametrize(
    ("name", "zips"),
    [
        ("default", ["opencv-slim-x86_64.zip"]),
        ("storage", ["opencv-stock-arm64.zip"]),
        ("everything", ["opencv-slim-arm64.zip", "onnxruntime-arm64.zip"]),
        ("onnxruntime", ["opencv-stock-arm64.zip", "onnxruntime-arm64.zip"]),
        ("auto", ["opencv-stock-x86_64.zip", "onnxruntime-x86_64.zip"]),
    ],
)
def test_the_layers_match_engine_and_architecture(
    package: Packages, name: str, zips: list[str]
) -> None:
    layers = [package(name).properties(layer["Ref"]) for layer in package(name).function["Layers"]]

    assert [layer["Content"]["S3Key"].rpartition("/")[2] for layer in layers] == zips
    for layer in layers:
        assert layer["CompatibleArchitectures"] == package(name).function["Architectures"]


def test_tracing_is_a_parameter(package: Packages) -> None:
    assert package("everything").function["TracingConfig"] == {"Mode": "Active"}
    assert package("default").function["TracingConfig"] == {"Mode": "PassThrough"}


def test_with_snapstart_the_bucket_invokes_an_alias(package: Packages) -> None:
    packaged = package("snapstart")

    assert packaged.function["SnapStart"] == {"ApplyOn": "PublishedVersions"}
    (alias,) = packaged.of_type("AWS::Lambda::Alias")
    assert packaged.properties(alias)["Name"] == "snapstart"
    (first, *_) = own_bucket(packaged)["NotificationConfiguration"]["LambdaConfigurations"]
    target = {"Fn::Join": [":", [{"Fn::GetAtt": ["DetectLambdaFunction", "Arn"]}, "snapstart"]]}
    assert first["Function"] == target
    assert packaged.properties("DetectLambdaEvConf")["Qualifier"] == "snapstart"
    function = packaged.template["Outputs"]["Function"]["Value"]
    assert function == "object-detection-dev-detect:snapstart"


@pytest.mark.parametrize(
    ("name", "bucket"),
    [
        ("default", "object-detection-dev-123456789012-us-east-1"),
        ("prod", "object-detection-prod-123456789012-us-east-1"),
        ("snapstart", "object-detection-dev-123456789012-us-east-1"),
        ("url", "object-detection-dev-123456789012-us-east-1"),
        ("joined", "pictures-of-mine"),
    ],
)
def test_the_environment_names_the_models_bucket_so_that_a_cold_start_requests_it_at_once(
    package: Packages, name: str, bucket: str
) -> None:
    model = package(name).environment["MODEL"]

    assert model == f"s3://{bucket}/models/yolo-fastest-1.1-xl/"


def test_a_bundled_model_needs_no_bucket(package: Packages) -> None:
    assert package("bundled").environment["MODEL"] == "bundled"


def test_there_is_a_function_url_only_with_the_parameter(package: Packages) -> None:
    for name in set(PACKAGES) - {"url", "everything"}:
        packaged = package(name)
        kinds = {resource["Type"] for resource in packaged.template["Resources"].values()}
        assert "AWS::Lambda::Url" not in kinds
        assert "Url" not in packaged.template["Outputs"]
        for permission in packaged.of_type("AWS::Lambda::Permission"):
            assert packaged.properties(permission)["Principal"] == "s3.amazonaws.com"


def test_the_function_url_asks_for_signatures_and_is_an_output(package: Packages) -> None:
    for name, target in (("url", {}), ("everything", {"Qualifier": "snapstart"})):
        packaged = package(name)
        (url,) = packaged.of_type("AWS::Lambda::Url")
        assert packaged.properties(url) == {
            "TargetFunctionArn": {"Fn::GetAtt": ["DetectLambdaFunction", "Arn"]},
            "AuthType": "AWS_IAM",
            **target,
        }
        assert packaged.template["Outputs"]["Url"]["Value"] == {"Fn::GetAtt": [url, "FunctionUrl"]}


@pytest.mark.parametrize(
    ("name", "function", "callers"),
    [
        (
            "url",
            {"Fn::GetAtt": ["DetectLambdaFunction", "Arn"]},
            {"arn:aws:iam::123456789012:role/app"},
        ),
        (
            "everything",
            {"Ref": "DetectSnapStartLambdaAlias"},
            {"arn:aws:iam::123456789012:role/app", "arn:aws:iam::210987654321:user/a,b"},
        ),
    ],
)
def test_only_the_named_callers_may_use_the_url_and_only_the_url(
    name: str, function: Any, callers: set[str], package: Packages
) -> None:
    packaged = package(name)
    permissions = [
        packaged.properties(permission)
        for permission in packaged.of_type("AWS::Lambda::Permission")
    ]
    own = [one for one in permissions if one["Principal"] != "s3.amazonaws.com"]

    assert all(one["FunctionName"] == function for one in own)
    allowed = {(one["Principal"], one["Action"]): one for one in own}
    assert len(allowed) == len(own)
    assert {principal for principal, _ in allowed} == callers
    for caller in callers:
        url = allowed[caller, "lambda:InvokeFunctionUrl"]
        invoke = allowed[caller, "lambda:InvokeFunction"]
        assert url["FunctionUrlAuthType"] == "AWS_IAM"
        assert invoke["InvokedViaFunctionUrl"] is True
    assert len(own) == 2 * len(callers)


def test_alarms_watch_lost_failed_slow_and_throttled_events(package: Packages) -> None:
    for name in ("default", "prod", "everything"):
        packaged = package(name)
        alarms = [
            packaged.properties(alarm) for alarm in packaged.of_type("AWS::CloudWatch::Alarm")
        ]
        metrics = {(alarm["Namespace"], alarm["MetricName"]) for alarm in alarms}
        assert metrics == {
            ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
            ("AWS/Lambda", "DestinationDeliveryFailures"),
            ("AWS/Lambda", "Errors"),
            ("AWS/Lambda", "Throttles"),
            ("AWS/Lambda", "Duration"),
            ("AWS/Lambda", "RecursiveInvocationsDropped"),
            ("ObjectDetection", "ModelRejections"),
        }


def test_the_duration_alarm_is_at_80_percent_of_the_timeout(package: Packages) -> None:
    assert package("default").properties("DurationAlarm")["Threshold"] == 48_000
    assert package("everything").properties("DurationAlarm")["Threshold"] == 96_000


def test_alarms_are_sent_to_the_alarm_email(package: Packages) -> None:
    assert package("default").of_type("AWS::SNS::Topic") == []
    for name in package("prod").of_type("AWS::CloudWatch::Alarm"):
        assert package("default").properties(name)["AlarmActions"] == []
        assert package("prod").properties(name)["AlarmActions"] == [{"Ref": "AlarmTopic"}]
    (subscription,) = package("prod").properties("AlarmTopic")["Subscription"]
    assert subscription == {"Protocol": "email", "Endpoint": "you@example.com"}


def test_the_dashboard_shows_the_metrics_of_the_function_and_of_lambda(package: Packages) -> None:
    body = package("default").properties("Dashboard")["DashboardBody"]["Fn::Sub"]

    widgets = json.loads(re.sub(r"\$\{(.+?)\}", r"\1", body))["widgets"]
    metrics = set()
    for widget in widgets:
        previous: list[Any] = []
        for metric in widget["properties"]["metrics"]:
            if metric[0] == "..." or isinstance(metric[0], dict):
                continue
            names = [
                previous[index] if name == "." else name for index, name in enumerate(metric[:4])
            ]
            previous = names
            metrics.add(tuple(names))
    own: tuple[str, ...] = ("Images", "Failures", "Detections", "ModelSwaps", "ModelRejections")
    own += ("Unserved", "Skipped", "Ignored", "ColdStarts")
    own += ("FetchMs", "DecodeMs", "InferMs", "DrawMs", "PublishMs")
    for name in own:
        assert ("ObjectDetection", name, "service", "object-detection-dev") in metrics
    for name in ("Invocations", "Errors", "Throttles", "Duration"):
        assert ("AWS/Lambda", name, "FunctionName", "DetectLambdaFunction") in metrics


def test_each_stage_has_its_own_metrics(package: Packages) -> None:
    for name, service in (("default", "object-detection-dev"), ("prod", "object-detection-prod")):
        packaged = package(name)
        assert packaged.environment["POWERTOOLS_SERVICE_NAME"] == service
        watched = packaged.properties("ModelAlarm")["Dimensions"]
        assert watched == [{"Name": "service", "Value": service}]
        body = packaged.properties("Dashboard")["DashboardBody"]["Fn::Sub"]
        assert f'service=\\"{service}\\"' in body


def test_outputs_name_bucket_function_queue_and_dashboard(package: Packages) -> None:
    for name in PACKAGES:
        outputs = package(name).template["Outputs"]
        assert {"Bucket", "Function", "DeadLetterQueue", "Dashboard"} <= set(outputs)
    assert "dashboard/object-detection-prod" in json.dumps(package("prod").template["Outputs"])


def test_two_stages_share_nothing(package: Packages) -> None:
    def names(value: Any) -> set[str]:
        """Returns every resource name at any depth of the value."""
        if not isinstance(value, dict):
            return set()
        keys: tuple[str, ...] = (
            "BucketName",
            "FunctionName",
            "QueueName",
            "LogGroupName",
            "AlarmName",
        )
        keys += ("DashboardName", "TopicName", "LayerName")
        found = {value[key] for key in keys if isinstance(value.get(key), str)}
        return found.union(*(names(item) for item in value.values()))

    dev, prod = (names(package(name).template["Resources"]) for name in ("default", "prod"))

    assert len(dev) >= 10
    assert not dev & prod
