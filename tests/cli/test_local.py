import contextlib
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import cv2
import pytest

from tests.colour_model import picture, write_colour_model
from tests.conftest import ROOT
from tests.deployment.framework import write_empty_layers
from tests.deployment.odd_objects import answers, check_answers, drop_all, wait_for_answers
from tests.deployment.stack import find_runtime
from tests.waiting import PATIENCE, wait_until


def wait_for_line(stream: "subprocess.Popen[str]", pattern: str) -> list[str]:
    """Returns the lines that the process prints, up to the one that matches."""
    assert stream.stdout
    lines: list[str] = []
    for line in stream.stdout:
        lines.append(line.strip())
        if re.search(pattern, line):
            return lines
    assert stream.stderr
    messages = stream.stderr.read()
    raise AssertionError(f"the process ended without printing {pattern!r}: {lines} {messages}")


@contextmanager
def local(
    monkeypatch: pytest.MonkeyPatch, *arguments: str | Path
) -> Iterator[tuple["subprocess.Popen[str]", Any, str]]:
    """Runs `local`; yields its process, a client of its S3 and the name of its bucket."""
    command = [sys.executable, "-m", "modules", "local", "--port", "0", *arguments]
    with subprocess.Popen(
        command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        lines = wait_for_line(process, "-m modules drop")
        for line in lines:
            if line.startswith("export "):
                monkeypatch.setenv(*line.removeprefix("export ").split("=", 1))
        bucket = lines[-1].rpartition("s3://")[2]
        try:
            yield process, boto3.client("s3"), bucket
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE)


@dataclass
class Deployed:
    """A running `local --deploy`, its output so far, a client of its S3 and its bucket."""

    process: "subprocess.Popen[str]"
    client: Any
    bucket: str
    output: list[str]
    messages: list[str]
    readers: list[threading.Thread]


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """One deployment for several tests: with the built layers, or stand-ins if they are missing."""
    folder = tmp_path_factory.mktemp("deployed")
    (folder / "layers").mkdir()
    runtime = find_runtime(write_empty_layers(folder / "layers"))
    model = write_colour_model(folder / "colours")
    parameters = ["--param", f"layer={runtime.layer}", "--param", f"layerFolder={runtime.folder}"]
    deploying = ["--deploy", *parameters, "--python", str(runtime.python)]
    with (
        pytest.MonkeyPatch.context() as patch,
        local(patch, *deploying, "--model", model) as (process, client, bucket),
    ):
        yield Deployed(process, client, bucket, *drain(process))


def test_dropped_images_get_results_until_ctrl_c(
    colour_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with local(monkeypatch, "--model", colour_model) as (process, client, bucket):
        data = bytes(cv2.imencode(".png", picture(red=(1, 1)))[1])

        client.put_object(Bucket=bucket, Key="input/a.png", Body=data)

        wait_for_line(process, "# done: input/a.png")
        client.head_object(Bucket=bucket, Key="output/a.png.json")
        process.send_signal(signal.SIGINT)
        _, messages = process.communicate()
        assert (process.returncode, messages) == (130, "")


def test_eight_images_dropped_right_after_a_deployment_get_eight_results(
    deployed: Deployed,
) -> None:
    data = bytes(cv2.imencode(".png", picture(red=(1, 1)))[1])
    documents = [f"output/{number}.png.json" for number in range(8)]

    for number in range(8):
        deployed.client.put_object(Bucket=deployed.bucket, Key=f"input/{number}.png", Body=data)

    waiter = deployed.client.get_waiter("object_exists")
    for key in documents:
        waiter.wait(Bucket=deployed.bucket, Key=key, WaiterConfig={"Delay": 1, "MaxAttempts": 90})
    for number, document in enumerate(documents):
        for key in (f"input/{number}.png", document, document.removesuffix(".json")):
            deployed.client.delete_object(Bucket=deployed.bucket, Key=key)


def test_every_object_is_answered_alike_with_and_without_a_deployment(
    colour_model: Path, deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    with local(monkeypatch, "--model", colour_model) as (process, client, bucket):
        drain(process)
        places = [(client, bucket), (deployed.client, deployed.bucket)]
        for place in places:
            drop_all(*place)
        for place in places:
            wait_for_answers(*place)
        here, there = (answers(*place) for place in places)

    check_answers(here)
    assert here == there


def test_a_deployment_logs_its_images_and_ends_quietly_by_ctrl_c(deployed: Deployed) -> None:
    data = bytes(cv2.imencode(".png", picture(red=(1, 1)))[1])
    deployed.client.put_object(Bucket=deployed.bucket, Key="input/last.png", Body=data)
    document = {"Bucket": deployed.bucket, "Key": "output/last.png.json"}
    waiter = deployed.client.get_waiter("object_exists")
    waiter.wait(**document, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
    # The line comes after the document
    wait_until(lambda: is_logged(deployed, "last.png"), "a line of the log")
    deployed.process.send_signal(signal.SIGINT)  # so this is the last test that uses it

    assert deployed.process.wait(PATIENCE) == 130
    for reader in deployed.readers:
        reader.join()
    assert not [line for line in deployed.messages if "moto" in line.lower()]


def is_logged(deployed: Deployed, name: str) -> bool:
    """Returns whether the function has logged that an image is done."""
    return any('"message":"done"' in line and name in line for line in deployed.output)


def drain(
    process: "subprocess.Popen[str]",
) -> tuple[list[str], list[str], list[threading.Thread]]:
    """Reads what a process prints, so that it need not wait.

    Returns:
        Two lists that grow, of output and messages, and the threads that read them to the end.
    """
    output: list[str] = []
    messages: list[str] = []
    readers: list[threading.Thread] = []
    for stream, lines in ((process.stdout, output), (process.stderr, messages)):
        assert stream
        readers.append(threading.Thread(target=lines.extend, args=(stream,), daemon=True))
        readers[-1].start()
    return output, messages, readers


def test_a_port_in_use_is_named(colour_model: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "modules", "local", "--port", port, "--model"]
        run = subprocess.run(
            [*command, str(colour_model)], cwd=ROOT, capture_output=True, text=True, check=False
        )

    assert run.returncode == 2
    assert f"port {port} is taken; choose another with --port" in run.stderr


def test_without_a_port_a_free_one_is_taken(colour_model: Path) -> None:
    command = [sys.executable, "-m", "modules", "local", "--model", str(colour_model)]
    with socket.socket() as taken:
        with contextlib.suppress(OSError):  # another program has the usual port already
            taken.bind(("127.0.0.1", 5566))
            taken.listen()
        with subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE) as process:
            lines = wait_for_line(process, "-m modules drop")
            process.send_signal(signal.SIGINT)

    (endpoint,) = (line for line in lines if "AWS_ENDPOINT_URL" in line)
    assert re.fullmatch(r"export AWS_ENDPOINT_URL=http://127.0.0.1:(?!5566)\d+", endpoint)
