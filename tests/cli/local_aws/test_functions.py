"""Functions on the local AWS behave as Lambda documents; each test deploys real code."""

import base64
import io
import json
import uuid
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from modules.cli.local_aws.aws import LocalAws

CODE = """
import json, os, sys, time

started = time.time()
calls = 0

def lambda_handler(event, context):
    global calls
    calls += 1
    do = event.get("do") if isinstance(event, dict) else None
    if do == "sleep":
        time.sleep(60)
    if do == "eat":
        kept = bytearray(400_000_000)
        kept[::4096] = bytes(len(kept[::4096]))
        time.sleep(60)
    if do == "exit":
        os._exit(3)
    if do == "fail":
        raise ValueError("told to fail")
    if do == "write":
        with open(os.path.join(os.environ["LAMBDA_TASK_ROOT"], "new"), "w"):
            pass
    print("a line of the log")
    return {
        "event": event, "calls": calls, "name": context.function_name,
        "memory": context.memory_limit_in_mb, "left": context.get_remaining_time_in_millis(),
        "request": context.aws_request_id, "own": os.environ["OWN"],
        "endpoint": os.environ["AWS_ENDPOINT_URL"],
    }
"""


def package(**files: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in files.items():
            archive.writestr(f"{name}.py", text)
    return out.getvalue()


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with LocalAws(retry_seconds=0.05) as server:
        yield server


@pytest.fixture
def create(aws: LocalAws) -> Iterator[Callable[..., str]]:
    names: list[str] = []

    def create(code: str = CODE, timeout: int = 60) -> str:
        names.append(f"function-{uuid.uuid4()}")
        aws.client("lambda").create_function(
            FunctionName=names[-1],
            Runtime="python3.13",
            Role="arn:aws:iam::123456789012:role/any-role",
            Handler="code.lambda_handler",
            Code={"ZipFile": package(code=code)},
            MemorySize=256,
            Timeout=timeout,
            Environment={"Variables": {"OWN": "variable"}},
        )
        return names[-1]

    role = {"RoleName": "any-role", "AssumeRolePolicyDocument": "{}"}
    aws.client("iam").create_role(**role)
    yield create
    for name in names:
        aws.client("lambda").delete_function(FunctionName=name)
    aws.client("iam").delete_role(RoleName="any-role")


def invoke(aws: LocalAws, name: str, event: object) -> tuple[Any, dict[str, Any]]:
    answer = aws.client("lambda").invoke(
        FunctionName=name, Payload=json.dumps(event).encode(), LogType="Tail"
    )
    return json.loads(answer["Payload"].read()), answer


def test_the_handler_gets_event_and_context_and_the_caller_gets_its_result(
    aws: LocalAws, create: Callable[..., str]
) -> None:
    name = create()

    payload, answer = invoke(aws, name, {"é": [1]})

    assert payload["event"] == {"é": [1]}
    assert payload["name"] == name
    assert payload["memory"] == "256"
    assert 30_000 < payload["left"] <= 60_000
    assert payload["own"] == "variable"
    assert payload["endpoint"] == aws.endpoint
    log = base64.b64decode(answer["LogResult"]).decode().splitlines()
    assert log[0] == f"START RequestId: {payload['request']} Version: $LATEST"
    assert "a line of the log" in log
    assert "Init Duration" in log[-1]


def test_a_warm_process_is_reused(aws: LocalAws, create: Callable[..., str]) -> None:
    name = create()

    assert [invoke(aws, name, {})[0]["calls"] for _ in range(3)] == [1, 2, 3]


def test_new_code_is_used_at_once(aws: LocalAws, create: Callable[..., str]) -> None:
    name = create()
    invoke(aws, name, {})

    changed = "def lambda_handler(event, context): return 'new'"
    aws.client("lambda").update_function_code(FunctionName=name, ZipFile=package(code=changed))

    assert invoke(aws, name, {})[0] == "new"


@pytest.mark.parametrize(
    ("do", "kind", "message"),
    [
        ("fail", "ValueError", "told to fail"),
        ("exit", "Runtime.ExitError", "exited with 3"),
        ("eat", "Runtime.OutOfMemory", "the function has 256"),
        ("write", "PermissionError", "Permission denied"),
    ],
)
def test_an_error_is_reported_and_the_next_event_handled(
    do: str, kind: str, message: str, aws: LocalAws, create: Callable[..., str]
) -> None:
    name = create()

    payload, answer = invoke(aws, name, {"do": do})

    assert answer["FunctionError"] == "Unhandled"
    assert payload["errorType"] == kind
    assert message in payload["errorMessage"]
    assert invoke(aws, name, {})[0]["event"] == {}


def test_a_function_is_stopped_at_its_timeout(aws: LocalAws, create: Callable[..., str]) -> None:
    name = create(timeout=1)

    payload, _ = invoke(aws, name, {"do": "sleep"})

    assert payload["errorType"] == "Sandbox.Timedout"
    assert payload["errorMessage"] == "Task timed out after 1.00 seconds"


def test_an_error_at_import_is_reported(aws: LocalAws, create: Callable[..., str]) -> None:
    name = create("import no_such_module")

    payload, _ = invoke(aws, name, {})

    assert payload["errorType"] == "Runtime.ImportModuleError"
    assert "no_such_module" in payload["errorMessage"]


def test_an_asynchronous_event_that_fails_is_tried_three_times(
    aws: LocalAws, create: Callable[..., str]
) -> None:
    name = create()

    answer = aws.client("lambda").invoke(
        FunctionName=name, InvocationType="Event", Payload=b'{"do": "fail"}'
    )

    assert answer["StatusCode"] == 202
    assert aws.functions.wait_until_idle(240)
    events = aws.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    assert sum(event["message"].startswith("START") for event in events) == 3
