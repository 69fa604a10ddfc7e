"""Sends many requests to a deployed function URL, a third of them broken, and checks each answer.

    make http-load
    .venv/bin/python benchmarks/http_load.py [--requests N] [--at-once N]

The stack is deployed to an AWS on this machine, with the embedded model, and answers in separate
processes under Lambda's runtime client. The right detections are those of the core in this process.
The table is printed and written to benchmarks/http_load.md.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session
from rich.console import Console
from rich.markdown import Markdown

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.machine import describe_machine
from modules.cli.local_aws.aws import LocalAws
from modules.models.folder import LocalFolder
from modules.models.loader import load_model
from modules.results.document import describe_detections
from modules.results.pipeline import process
from modules.settings import Settings
from modules.telemetry.timings import Timings
from tests.deployment.framework import write_empty_layers
from tests.deployment.stack import Deployment, find_runtime

_TABLE = Path(__file__).with_suffix(".md")
_MODEL = ROOT / "demo" / "fruits"
_PICTURES = ("market-7.jpg", "market-10.jpg")
_CALLER = "arn:aws:iam::123456789012:role/app"
_CORE = ("decode", "infer")


@dataclass(frozen=True)
class Case:
    """A request and its one right answer.

    detections: as in the document; None for a request that must be refused with `status`.
    """

    name: str
    body: bytes
    status: int = 200
    query: str = ""
    secret: str = "testing"  # noqa: S105 - of the AWS on this machine
    detections: list[dict[str, Any]] | None = None


@dataclass(frozen=True)
class Sample:
    """One answer. milliseconds: as the caller sees it. core: of decoding and inference, or None."""

    case: Case
    is_right: bool
    milliseconds: float
    core: float | None


class Caller:
    """Sends signed requests; a connection for each thread."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._local = threading.local()

    def send(self, case: Case) -> Sample:
        """Sends a request, and compares the answer with the right one."""
        if not hasattr(self._local, "http"):
            self._local.http = URLLib3Session(timeout=60)
        request = AWSRequest("POST", self._address + case.query, data=case.body)
        SigV4Auth(Credentials("testing", case.secret), "lambda", "us-east-1").add_auth(request)
        start = time.perf_counter()
        answer = self._local.http.send(request.prepare())
        milliseconds = (time.perf_counter() - start) * 1000
        document = json.loads(answer.content)
        is_right = answer.status_code == case.status
        if case.detections is None:
            return Sample(case, is_right, milliseconds, None)
        is_right = is_right and document["detections"] == case.detections
        core = sum(document["timings_ms"][stage] for stage in _CORE) if is_right else None
        return Sample(case, is_right, milliseconds, core)


def make_cases(bucket: str) -> list[Case]:
    """Returns the requests in turn: a third of them is broken."""
    settings = Settings()
    model = load_model(LocalFolder(_MODEL), settings)
    good = []
    for name in _PICTURES:
        data = (ROOT / "demo" / name).read_bytes()
        found = process(data, model, settings, Timings()).detections
        good.append(Case(name, data, detections=describe_detections(found, model.labels)))
    data = good[0].body
    missing = json.dumps({"bucket": bucket, "key": "input/no.jpg"}).encode()
    broken = [
        Case("a parameter that is none", data, 400, "?colour=red"),
        Case("a confidence of 2", data, 400, "?confidence=2"),
        Case("no body", b"", 400),
        Case("a wrong signature", data, 403, secret="wrong"),  # noqa: S106 - it must be refused
        Case("a missing object", missing, 404),
        Case("a web page", b"<!DOCTYPE html><p>no picture</p>", 415),
        Case("half a picture", data[: len(data) // 2], 422),
        Case("too large for Lambda", bytes(5_000_000), 413),
    ]
    cases = []
    for index, wrong in enumerate(broken):
        cases += [good[index % 2], good[(index + 1) % 2], wrong]
    return cases


def main() -> int:
    """Returns 1 if an answer is wrong."""
    parser = argparse.ArgumentParser(description="requests to a function URL")
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--at-once", type=int, default=8)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runtime = find_runtime(write_empty_layers(Path(folder)))
        with LocalAws(python=runtime.python) as aws:
            stack = Deployment(aws, runtime)
            stack.deploy(url="true", urlCallers=_CALLER, modelTtlSeconds=60)
            stack.upload_model(_MODEL)
            caller = Caller(stack.outputs["Url"])
            cases = make_cases(stack.bucket)
            with ThreadPoolExecutor(arguments.at_once) as pool:
                list(pool.map(caller.send, cases[:2] * arguments.at_once))  # cold starts
                in_turn = [cases[index % len(cases)] for index in range(arguments.requests)]
                samples = list(pool.map(caller.send, in_turn))
            alone = [caller.send(case) for case in cases[:2] * 20]
    table = describe(samples, alone, arguments.at_once)
    Console().print(Markdown(table))
    _TABLE.write_text(table)
    wrong = [sample for sample in samples if not sample.is_right]
    for sample in wrong[:20]:
        print(f"{sample.case.name}: a wrong answer", file=sys.stderr)
    return 1 if wrong else 0


def describe(samples: Sequence[Sample], alone: Sequence[Sample], at_once: int) -> str:
    """Returns the answers as a table, and the latencies beside the core's own time."""
    names = dict.fromkeys(sample.case.name for sample in samples)
    lines = [
        f"{len(samples):,} requests, {at_once} at a time, on {describe_machine()}:",
        "",
        "| request | right answer | sent | right | median | 99th percentile |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for name in names:
        own = [sample for sample in samples if sample.case.name == name]
        times = [sample.milliseconds for sample in own]
        lines.append(
            f"| {name} | {own[0].case.status} | {len(own):,} | "
            f"{sum(sample.is_right for sample in own):,} | {_summary(times)} |"
        )
    lines += [
        "",
        "| pictures | answer, median | 99th percentile | the core (decode, infer), median | rest |",
        "|---|--:|--:|--:|--:|",
        _latency(f"{at_once} at a time", samples),
        _latency("one at a time", alone),
        "",
        "The rest includes 20 ms in which the AWS on this machine waits for the function's log.",
    ]
    return "\n".join(lines) + "\n"


def _latency(name: str, samples: Sequence[Sample]) -> str:
    served = [(sample.milliseconds, sample.core) for sample in samples if sample.core is not None]
    core = statistics.median(core for _, core in served)
    rest = statistics.median(milliseconds - core for milliseconds, core in served)
    times = [milliseconds for milliseconds, _ in served]
    return f"| {name} | {_summary(times)} | {core:.0f} ms | {rest:.0f} ms |"


def _summary(times: Sequence[float]) -> str:
    last = statistics.quantiles(times, n=100)[-1] if len(times) > 1 else times[0]
    return f"{statistics.median(times):.0f} ms | {last:.0f} ms"


if __name__ == "__main__":
    sys.exit(main())
