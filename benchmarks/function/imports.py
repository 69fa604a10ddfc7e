"""Measures what is imported before the first event; see `imports`."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import tempfile
from collections.abc import Sequence

from .deployed import deployed_sides
from .stage import Side
from .table import Table

_OF_EACH = 9  # imports of each function
_REST = "the rest of Python's own"
# By group: the packages and modules in it, and why ours imports it or how it does without
_GROUPS: dict[str, tuple[str, str]] = {
    "NumPy": (
        "numpy ctypes _ctypes pickle _pickle _compat_pickle platform numbers",
        "every image; with the modules of Python that NumPy alone needs",
    ),
    "OpenCV": ("cv2", "every image"),
    "the function": ("lambda_function modules naive_function", "with the making of its classes"),
    "obstore": ("obstore", "every request to S3; in the background, while NumPy is imported"),
    "the AWS SDK": (
        "boto3 botocore s3transfer urllib3 dateutil jmespath six certifi",
        "removed: obstore sends the requests; the SDK is imported where obstore cannot",
    ),
    "Powertools": (
        "aws_lambda_powertools typing_extensions",
        "removed: the function writes the same lines and documents itself",
    ),
    "logging": (
        "logging traceback linecache tokenize textwrap string",
        "concurrent.futures imports it; Lambda's client has it, too",
    ),
    "dataclasses, inspect": (
        "dataclasses inspect ast _ast dis opcode _opcode",
        "the function's values",
    ),
    "hashlib": ("hashlib _hashlib _blake2", "the digests of the model's files and of the settings"),
    "json, re, enum": ("json _json re enum", "events and documents; Lambda's client has them, too"),
    "concurrent.futures, threading": (
        "concurrent threading queue _queue",
        "requests the model while NumPy is imported, and images at the same time",
    ),
    "socket, selectors": ("socket _socket selectors select", "sends traces to X-Ray"),
    "urllib.parse": ("urllib ipaddress", "the keys in events are URL-encoded"),
    "email, http, ssl": ("email http ssl _ssl quopri calendar", "removed with the AWS SDK"),
    "multiprocessing": ("multiprocessing", "never: threads only"),
}


def imports() -> Table:
    """Measures the imports of the handlers' modules by package, and their processor time.

    Raises:
        DeployedError: the deployed package cannot be made here.
    """
    deployed = deployed_sides("yolo-fastest-1.1-xl")
    sides = (deployed.naive, deployed.ours)
    seconds = [_import_seconds(side) for side in sides]
    cpu = _processor_seconds(sides)
    rows = [
        [group, *(f"{one[group] * 1000:.1f}" for one in seconds), why]
        for group, why in [*((name, why) for name, (_, why) in _GROUPS.items()), (_REST, "")]
    ]
    ratio = f"ours / naive: **{cpu[1] / cpu[0]:.2f}**"
    return Table(
        "What a cold start imports",
        "Milliseconds to import the function's module in the deployed package, on Python 3.13 "
        f"with bytecode, by `python -X importtime`: for each module the best of {_OF_EACH}; naive "
        "creates its S3 client meanwhile. The last row is the processor time of a process that "
        f"does nothing else, without -X importtime: medians of {_OF_EACH}. Bar: 0.6.",
        ["packages", *(side.name for side in sides), "why, or how it was removed"],
        [
            *rows,
            ["total", *(f"{sum(one.values()) * 1000:.0f}" for one in seconds), ""],
            ["processor time", *(f"{one * 1000:.0f}" for one in cpu), ratio],
        ],
    )


def _command(side: Side, *options: str) -> tuple[list[str], dict[str, str]]:
    """Returns the command that imports the handler, and its environment."""
    # the first request imports obstore; without a bucket in MODEL that is never sent
    requests = "" if "naive" in side.name else ", obstore.store"
    code = f"import {side.handler.stem}{requests}"
    environment = {
        **os.environ,
        "PYTHONPATH": side.search_path,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_LAMBDA_FUNCTION_NAME": side.name,
        "MODEL": "models/none/",
        "TMP_FOLDER": tempfile.gettempdir(),
    }
    return [str(side.python), *options, "-c", code], environment


def _import_seconds(side: Side) -> dict[str, float]:
    """Returns the seconds of each group: the sum over its modules of each one's fastest import."""
    fastest: dict[str, float] = {}
    command, environment = _command(side, "-X", "importtime")
    for _ in range(_OF_EACH):
        run = subprocess.run(
            command, env=environment, stderr=subprocess.PIPE, text=True, check=True
        )
        for itself, name in re.findall(r"import time: +(\d+) \| +\d+ \| +(\S+)", run.stderr):
            fastest[name] = min(int(itself) / 1e6, fastest.get(name, 1e9))
    group_of = {name: group for group, (names, _) in _GROUPS.items() for name in names.split()}
    seconds = dict.fromkeys([*_GROUPS, _REST], 0.0)
    for name, value in fastest.items():
        seconds[group_of.get(name.partition(".")[0], _REST)] += value
    return seconds


def _processor_seconds(sides: Sequence[Side]) -> list[float]:
    """Returns the median processor seconds of importing each handler, in alternating processes."""
    found: list[list[float]] = [[] for _ in sides]
    for _ in range(_OF_EACH):
        for side, times in zip(sides, found, strict=True):
            command, environment = _command(side)
            process = subprocess.Popen(command, env=environment)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                raise RuntimeError(f"{side.name}: exit code {process.returncode}")
            times.append(usage.ru_utime + usage.ru_stime)
    return [statistics.median(times) for times in found]
