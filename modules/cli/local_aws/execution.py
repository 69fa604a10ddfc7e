"""One execution environment: a process of a function under the real Lambda runtime client.

Start at `ExecutionEnvironment`. The process sees what it would see on Lambda: its code and layers
unpacked where it cannot write, Lambda's environment variables, its memory and its time limited.
"""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from .runtime_api import Invocation, RuntimeApi

_INIT_SECONDS = 10.0  # Lambda's own limit; a slow machine gets the function's timeout if longer
_POLL_SECONDS = 0.05
_NOBODY = 65534


@dataclass(frozen=True)
class Function:
    """What is needed to run a function.

    python: an interpreter that has the runtime client, awslambdaric. task and layers: unpacked
    folders. memory_mb and timeout_seconds: the function's limits.
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
    """What came of an invocation: its JSON payload, whether that is an error, and its log."""

    payload: bytes
    is_error: bool
    log: str


class ExecutionEnvironment:
    """A process, started cold and kept warm; one invocation at a time."""

    def __init__(self, function: Function) -> None:
        self._function = function
        self._api = RuntimeApi()
        self._log: list[str] = []
        self._started = time.monotonic()
        self._init_ms: float | None = None
        command = [*unprivileged(), str(function.python), "-m", "awslambdaric", function.handler]
        self._process = subprocess.Popen(  # noqa: S603 - running what was deployed is its purpose
            command,
            cwd=function.task,
            env=self._variables(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()

    @property
    def is_alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def invoke(self, request_id: str, payload: bytes) -> Outcome:
        """Runs one event to its end; a process that failed is not to be used again."""
        function = self._function
        invocation = Invocation(request_id, payload, 0, function.arn)
        invocation.deadline_ms = int((time.time() + function.timeout_seconds) * 1000)
        start = time.monotonic()
        log_start = len(self._log) if self._init_ms is not None else 0
        if self._init_ms is None:
            self._wait_for_start(invocation)
            start = time.monotonic()
            invocation.deadline_ms = int((time.time() + function.timeout_seconds) * 1000)
        peak_mb = 0.0
        if not invocation.answered.is_set():
            self._api.invoke(invocation)
            peak_mb = self._watch(invocation, start)
        duration_ms = (time.monotonic() - start) * 1000
        # what the process wrote before it answered may still be in the pipe
        self._reader.join(timeout=0.02 if self.is_alive else 5)
        log = [f"START RequestId: {request_id} Version: $LATEST", *self._log[log_start:]]
        log += [f"END RequestId: {request_id}", self._report(request_id, duration_ms, peak_mb)]
        outcome = invocation.response if invocation.error is None else invocation.error
        return Outcome(outcome or b"null", invocation.error is not None, "\n".join(log))

    def close(self) -> None:
        """Ends the process and whatever it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._api.close()

    def _wait_for_start(self, invocation: Invocation) -> None:
        """Waits until the process asks for its first event, as Lambda's initialisation phase."""
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
        """Holds the process to its limits until it has answered; returns its peak memory in MB."""
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

    def _read_log(self) -> None:
        if self._process.stdout:
            self._log += (line.rstrip("\n") for line in iter(self._process.stdout.readline, ""))

    def _variables(self) -> dict[str, str]:
        """Lambda's own environment variables, then the function's."""
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
    """Makes a command run as nobody, where we are root: it may read everything, and write nothing.

    The right to read stays, because root's interpreter may lie where nobody else can look.
    """
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        return []
    user = f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"
    return ["setpriv", *user, "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]


def _memory_mb(pid: int) -> float:
    """The process's resident memory; 0 where /proc does not tell, or the process is gone."""
    try:
        fields = Path(f"/proc/{pid}/statm").read_text().split()
        return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except (OSError, IndexError):
        return 0.0
