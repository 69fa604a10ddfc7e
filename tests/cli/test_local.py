import contextlib
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import cv2
import pytest

from tests.colour_model import picture
from tests.conftest import ROOT
from tests.deployment.framework import write_empty_layers
from tests.deployment.odd_objects import answers, check_answers, drop_all, wait_for_answers
from tests.deployment.stack import find_runtime


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
            process.wait(60)


@pytest.fixture
def deploying(tmp_path: Path) -> list[str]:
    """The arguments that deploy: with the built layers, or stand-ins if they are missing."""
    empty = tmp_path / "layers"
    empty.mkdir()
    runtime = find_runtime(write_empty_layers(empty))
    parameters = ["--param", f"layer={runtime.layer}", "--param", f"layerFolder={runtime.folder}"]
    return ["--deploy", *parameters, "--python", str(runtime.python)]


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
    colour_model: Path, deploying: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with local(monkeypatch, *deploying, "--model", colour_model) as (process, client, bucket):
        data = bytes(cv2.imencode(".png", picture(red=(1, 1)))[1])

        for number in range(8):
            client.put_object(Bucket=bucket, Key=f"input/{number}.png", Body=data)

        for _ in range(8):
            wait_for_line(process, '"message":"done"')
        for number in range(8):
            client.head_object(Bucket=bucket, Key=f"output/{number}.png.json")
        process.send_signal(signal.SIGINT)
        _, messages = process.communicate()
        assert process.returncode == 130
        assert "moto" not in messages.lower()  # its warnings are no news to the user


def test_every_object_is_answered_alike_with_and_without_a_deployment(
    colour_model: Path, deploying: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for arguments in ([], deploying):
        with local(monkeypatch, *arguments, "--model", colour_model) as (process, client, bucket):
            drain(process)
            drop_all(client, bucket)
            wait_for_answers(client, bucket)
            found.append(answers(client, bucket))

    here, deployed = found
    check_answers(here)
    assert here == deployed


def drain(process: "subprocess.Popen[str]") -> None:
    """Reads what a process prints, so that it need not wait."""
    for stream in (process.stdout, process.stderr):
        assert stream
        threading.Thread(target=stream.readlines, daemon=True).start()


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
