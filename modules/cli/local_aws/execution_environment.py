"""One execution environment of a function: a process that runs the real Lambda runtime client.

Start at `ExecutionEnvironment`. The process gets what it would get on Lambda: its code and layers
unpacked into read-only folders, Lambda's environment variables, and limits on memory and time.
"""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from .process_log import ProcessLog
from .runtime_api import Invocation, RuntimeApi

# Lambda's limit for a start. The function's timeout applies instead if it is longer, because this
# machine may be slow.
_INIT_SECONDS = 10.0
_POLL_SECONDS = 0.05
_NOBODY = 65534  # user and group id


@dataclass(frozen=True)
class Function:
    """A deployed function: its code, configuration and limits.

    Attributes:
        python: an interpreter with the runtime client, awslambdaric, installed.
        handler: as in Lambda's configuration, `module.function`.
        task: the folder with the unpacked code.
        layers: one folder for each unpacked layer.
        variables: the environment variables, as pairs of name and value.
    """

    name: str
    arn: str
    handler: str
    python: Path
    task: Path
    layers: tuple[Path, ...]
    variables: tuple[tuple[str, str], ...]
    memory_mb: int
    timeout_seconds: float


@dataclass(frozen=True)
class Outcome:
    """The result of an invocation: its JSON payload, whether that is an error, and its log."""

    payload: bytes
    is_error: bool
    log: str


class ExecutionEnvironment:
    """A process of a function. It runs one invocation at a time, and any number of them."""

    def __init__(self, function: Function) -> None:
        """Starts the process.

        Raises:
            OSError: it cannot be started: no such interpreter, no memory.
        """
        self._function = function
        self._api = RuntimeApi()
        self._started = time.monotonic()
        self._init_ms: float | None = None
        command = [*unprivileged(), str(function.python), "-m", "awslambdaric", function.handler]
        try:
            self._process = subprocess.Popen(  # noqa: S603 - runs the deployed code on purpose
                command,
                cwd=function.task,
                env=self._variables(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError:
            self._api.close()
            raise
        self._log = ProcessLog(self._process.stdout)

    @property
    def is_alive(self) -> bool:
        """Whether the process is running."""
        return self._process.poll() is None

    def invoke(self, request_id: str, payload: bytes) -> Outcome:
        """Runs one event and waits for its result.

        Check `is_alive` afterwards: if it is false, the environment cannot run another event.
        """
        function = self._function
        invocation = Invocation(request_id, payload, 0, function.arn)
        invocation.deadline_ms = int((time.time() + function.timeout_seconds) * 1000)
        start = time.monotonic()
        log_start = len(self._log.read()) if self._init_ms is not None else 0
        if self._init_ms is None:
            self._wait_for_start(invocation)
            start = time.monotonic()
            invocation.deadline_ms = int((time.time() + function.timeout_seconds) * 1000)
        peak_mb = 0.0
        if not invocation.answered.is_set():
            self._api.invoke(invocation)
            peak_mb = self._watch(invocation, start)
        duration_ms = (time.monotonic() - start) * 1000
        printed = self._log.read()[log_start:]
        log = [f"START RequestId: {request_id} Version: $LATEST", *printed]
        log += [f"END RequestId: {request_id}", self._report(request_id, duration_ms, peak_mb)]
        outcome = invocation.response if invocation.error is None else invocation.error
        return Outcome(outcome or b"null", invocation.error is not None, "\n".join(log))

    def close(self) -> None:
        """Kills the process and every process that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._api.close()

    def _wait_for_start(self, invocation: Invocation) -> None:
        """Waits until the process asks for its first event, which ends Lambda's init phase."""
        limit = max(_INIT_SECONDS, self._function.timeout_seconds)
        while not self._api.ready.wait(_POLL_SECONDS):
            if not self.is_alive:
                code = self._process.returncode
                invocation.fail("Runtime.ExitError", f"the runtime exited with {code} at start")
                return
            if time.monotonic() - self._started > limit:
                self.close()
                invocation.fail("Sandbox.Timedout", f"not ready after {limit:g} seconds")
                return
        if self._api.init_error is not None:
            invocation.error = self._api.init_error
            invocation.answered.set()
            self.close()
            return
        self._init_ms = (time.monotonic() - self._started) * 1000

    def _watch(self, invocation: Invocation, start: float) -> float:
        """Enforces the limits until the process has answered; returns its peak memory in MB."""
        function = self._function
        peak = 0.0
        while not invocation.answered.wait(_POLL_SECONDS):
            peak = max(peak, _memory_mb(self._process.pid))
            if not self.is_alive:
                code = self._process.returncode
                invocation.fail("Runtime.ExitError", f"the runtime exited with {code}")
            elif peak > function.memory_mb:
                self.close()
                invocation.fail(
                    "Runtime.OutOfMemory",
                    f"{peak:.0f} MB were used; the function has {function.memory_mb}",
                )
            elif time.monotonic() - start > function.timeout_seconds:
                self.close()
                invocation.fail(
                    "Sandbox.Timedout",
                    f"Task timed out after {function.timeout_seconds:.2f} seconds",
                )
        return max(peak, _memory_mb(self._process.pid))

    def _report(self, request_id: str, duration_ms: float, peak_mb: float) -> str:
        function = self._function
        line = f"REPORT RequestId: {request_id}\tDuration: {duration_ms:.2f} ms\t"
        line += f"Billed Duration: {math.ceil(duration_ms + (self._init_ms or 0))} ms\t"
        line += f"Memory Size: {function.memory_mb} MB\tMax Memory Used: {peak_mb:.0f} MB"
        if self._init_ms:
            line += f"\tInit Duration: {self._init_ms:.2f} ms"
            self._init_ms = 0.0  # reported once
        return line

    def _variables(self) -> dict[str, str]:
        """Returns Lambda's environment variables and, over them, the function's."""
        function = self._function
        python_paths = [str(path / "python") for path in function.layers]
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "PYTHONPATH": os.pathsep.join([str(function.task), *python_paths]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "LAMBDA_TASK_ROOT": str(function.task),
            "AWS_LAMBDA_RUNTIME_API": self._api.address,
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": "local",
            "_HANDLER": function.handler,
            **dict(function.variables),
        }


def unprivileged() -> list[str]:
    """Returns the command prefix that runs a command without root's right to write.

    For root it runs the command as the user nobody, who can write nothing here, but keeps the right
    to read everything: root's interpreter may be in a folder that only root can read. For another
    user, or without `setpriv`, the prefix is empty.
    """
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        return []
    user = f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"
    return ["setpriv", *user, "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]


def _memory_mb(pid: int) -> float:
    """Returns the process's resident memory in MB; 0 without /proc or if the process has ended."""
    try:
        fields = Path(f"/proc/{pid}/statm").read_text().split()
        return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except (OSError, IndexError):
        return 0.0
