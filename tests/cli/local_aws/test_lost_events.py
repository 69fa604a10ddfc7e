"""No error of a worker loses an asynchronous event: it is retried, and then a dead letter."""

import hashlib
import json
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from modules.cli.local_aws.aws import LocalAws
from modules.cli.local_aws.execution_environment import Function
from modules.cli.local_aws.functions import AsyncPolicy, Functions
from tests.cli.local_aws.test_functions import package

QUEUE = "arn:aws:sqs:us-east-1:123456789012:dead-letters"
ARN = "arn:aws:lambda:us-east-1:123456789012:function:broken"


class Broken:
    """Functions that cannot be started; `letters` are the records of their dead letters."""

    def __init__(self, find: Callable[[str], Function]) -> None:
        self.attempts = 0
        self.letters: list[dict[str, Any]] = []
        self._find = find
        self.functions = Functions(
            find=self._count,
            policy=lambda name: AsyncPolicy(ARN, retries=2, on_failure=QUEUE),
            send=lambda queue, text: self.letters.append({"queue": queue, **json.loads(text)}),
            write_log=lambda name, text: None,
            retry_seconds=0.01,
            concurrency=2,
        )

    def _count(self, name: str) -> Function:
        self.attempts += 1
        return self._find(name)


@pytest.fixture
def broken() -> Iterator[Callable[[Callable[[str], Function]], Broken]]:
    made: list[Broken] = []

    def make(find: Callable[[str], Function]) -> Broken:
        made.append(Broken(find))
        return made[-1]

    yield make
    for one in made:
        one.functions.close()


def function(task: Path, python: Path = Path(sys.executable)) -> Function:
    return Function(
        name="broken",
        arn=ARN,
        handler="code.lambda_handler",
        python=python,
        task=task,
        layers=(),
        variables=(),
        memory_mb=256,
        timeout_seconds=60,
    )


def no_disk(name: str) -> Function:
    raise OSError(28, "No space left on device")


def no_python(task: Path) -> Function:
    return function(task, task / "python3.13")


def import_that_raises(task: Path) -> Function:
    (task / "code.py").write_text("import no_such_module")
    return function(task)


def import_that_kills_the_process(task: Path) -> Function:
    (task / "code.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    return function(task)


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (no_python, "FileNotFoundError"),
        (import_that_raises, "Runtime.ImportModuleError"),
        (import_that_kills_the_process, "Runtime.ExitError"),
        (lambda task: no_disk("broken"), "OSError"),
    ],
)
def test_an_event_whose_function_cannot_start_is_tried_three_times_and_then_a_dead_letter(
    make: Callable[[Path], Function],
    kind: str,
    tmp_path: Path,
    broken: Callable[[Callable[[str], Function]], Broken],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # with setpriv, which runs commands as nobody, a missing interpreter is an exit code
    monkeypatch.setattr("modules.cli.local_aws.execution_environment.unprivileged", list)
    one = broken(lambda name: make(tmp_path))

    request = one.functions.invoke_later("broken", b'{"key": "a"}')

    assert one.functions.wait_until_idle(240)
    assert one.attempts == 3
    (letter,) = one.letters
    assert letter["queue"] == QUEUE
    assert letter["requestPayload"] == {"key": "a"}
    assert letter["requestContext"]["requestId"] == request
    assert letter["requestContext"]["functionArn"] == f"{ARN}:$LATEST"
    assert letter["requestContext"]["approximateInvokeCount"] == 3
    assert letter["responsePayload"]["errorType"] == kind


def test_workers_survive_errors_and_serve_the_events_after_them(
    tmp_path: Path, broken: Callable[[Callable[[str], Function]], Broken]
) -> None:
    """There are two workers; twenty errors would have ended both."""
    (tmp_path / "code.py").write_text("def lambda_handler(event, context): return event")
    is_full = True
    one = broken(lambda name: no_disk(name) if is_full else function(tmp_path))
    for _ in range(20):
        one.functions.invoke_later("broken", b"{}")
    assert one.functions.wait_until_idle(240)
    assert len(one.letters) == 20
    is_full = False

    one.functions.invoke_later("broken", b"{}")

    assert one.functions.wait_until_idle(240)
    assert (len(one.letters), one.attempts) == (20, 61)


def test_a_log_that_cannot_be_written_does_not_repeat_the_invocation(
    tmp_path: Path, broken: Callable[[Callable[[str], Function]], Broken]
) -> None:
    (tmp_path / "code.py").write_text("def lambda_handler(event, context): return event")
    one = broken(lambda name: function(tmp_path))

    def closed(text: str) -> None:
        raise BrokenPipeError

    one.functions.on_log = closed
    one.functions.invoke_later("broken", b"{}")

    assert one.functions.wait_until_idle(240)
    assert (one.letters, one.attempts) == ([], 1)


def test_sixteen_events_at_once_are_served_by_sixteen_processes_of_a_new_function() -> None:
    """All of them need the unpacked code at the same moment."""
    code = "def lambda_handler(event, context):\n    print('served', event)\n"
    files = {"code": code, **{f"module_{number}": "x = 1" for number in range(300)}}
    lines: list[str] = []
    with LocalAws(retry_seconds=600, concurrency=16) as aws:
        aws.functions.on_log = lambda text: lines.extend(text.splitlines())
        aws.client("iam").create_role(RoleName="any-role", AssumeRolePolicyDocument="{}")
        aws.client("lambda").create_function(
            FunctionName="new",
            Runtime="python3.13",
            Role="arn:aws:iam::123456789012:role/any-role",
            Handler="code.lambda_handler",
            Code={"ZipFile": package(**files)},
            MemorySize=256,
            Timeout=60,
        )

        for number in range(16):
            aws.functions.invoke_later("new", json.dumps(number).encode())

        assert aws.functions.wait_until_idle(240)
    served = sorted(int(line.split()[1]) for line in lines if line.startswith("served"))
    assert served == list(range(16))


def test_threads_that_unpack_the_same_zip_get_the_same_folder() -> None:
    with LocalAws() as aws:
        data = package(**{f"module_{number}": "x = 1" for number in range(300)})
        barrier, folders = threading.Barrier(16), []

        def unpack() -> None:
            barrier.wait()
            folders.append(aws._unpack(hashlib.sha256(data).hexdigest(), data))

        threads = [threading.Thread(target=unpack) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        (folder,) = set(folders)
        assert (len(folders), len(list(folder.iterdir()))) == (16, 300)
