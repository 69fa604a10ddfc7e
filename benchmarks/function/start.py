"""Starts a function as Lambda does, once and cold; start at `cold_start`."""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import tempfile
import time
import uuid
from dataclasses import dataclass, fields
from pathlib import Path

from modules.cli.local_aws.runtime_api import Invocation, RuntimeApi

from .stage import Side, Stage, event, tidy

_PATIENCE = 120  # seconds


@dataclass(frozen=True)
class Start:
    """A cold start.

    ready: seconds until the process requests its first event. seconds: until its answer. cpu:
    seconds of processor time, in all threads. peak: the most memory, in bytes.
    """

    ready: float
    seconds: float
    cpu: float
    peak: float


def median_start(starts: list[Start]) -> Start:
    """Returns the median of each number."""
    names = [field.name for field in fields(Start)]
    return Start(*(statistics.median(getattr(start, name) for start in starts) for name in names))


def cold_start(stage: Stage, side: Side) -> Start:
    """Starts the runtime client with an event that waits for it, and ends it after the answer."""
    with tempfile.TemporaryDirectory() as folder:  # like /tmp, which is empty in a new container
        started = _start(stage, side, folder)
    tidy(stage)
    return started


def _start(stage: Stage, side: Side, folder: str) -> Start:
    api = RuntimeApi()
    invocation = Invocation(str(uuid.uuid4()), json.dumps(event(0)).encode(), 0, "arn:aws:lambda")
    invocation.deadline_ms = int((time.time() + _PATIENCE) * 1000)
    environment = {
        **stage.environment,
        **side.variables,
        "AWS_LAMBDA_RUNTIME_API": api.address,
        "AWS_LAMBDA_FUNCTION_NAME": side.name,
        "PYTHONPATH": side.search_path,
        "TMP_FOLDER": folder,
    }
    api.invoke(invocation)
    start = time.perf_counter()
    process = subprocess.Popen(
        [side.python, "-m", "awslambdaric", f"{side.handler.stem}.lambda_handler"],
        cwd=side.handler.parent,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        api.ready.wait(_PATIENCE)
        ready = time.perf_counter() - start
        if not invocation.answered.wait(_PATIENCE) or invocation.error:
            raise RuntimeError(f"{side.name}: {invocation.error!r}")
        seconds = time.perf_counter() - start
        status = Path(f"/proc/{process.pid}/status").read_text()
    finally:
        process.kill()
        _, process.returncode, usage = os.wait4(process.pid, 0)
        api.close()
    peak = int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) * 1024
    return Start(ready, seconds, usage.ru_utime + usage.ru_stime, peak)
