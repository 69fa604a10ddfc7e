import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import boto3
import cv2
import pytest

from tests.colour_model import picture
from tests.conftest import ROOT
from tests.deployment.stack import find_layer, find_python


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


def test_dropped_images_get_results_until_ctrl_c(
    colour_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [sys.executable, "-m", "modules", "local", "--port", "0"]
    command += ["--model", str(colour_model)]
    with subprocess.Popen(
        command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        for line in wait_for_line(process, "-m modules drop"):
            if line.startswith("export "):
                monkeypatch.setenv(*line.removeprefix("export ").split("=", 1))
        client = boto3.client("s3")
        data = bytes(cv2.imencode(".png", picture(red=(1, 1)))[1])

        client.put_object(Bucket="pictures", Key="input/a.png", Body=data)

        wait_for_line(process, "# done: input/a.png")
        client.head_object(Bucket="pictures", Key="output/a.png.json")
        process.send_signal(signal.SIGINT)
        _, messages = process.communicate()
        assert (process.returncode, messages) == (130, "")


def test_with_deploy_the_deployed_function_handles_the_events(
    colour_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [sys.executable, "-m", "modules", "local", "--deploy", "--port", "0"]
    command += ["--param", f"layer={find_layer()}", "--python", str(find_python())]
    command += ["--model", str(colour_model)]
    with subprocess.Popen(
        command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        lines = wait_for_line(process, "-m modules drop")
        for line in lines:
            if line.startswith("export "):
                monkeypatch.setenv(*line.removeprefix("export ").split("=", 1))
        bucket = lines[-1].rpartition("s3://")[2]
        data = bytes(cv2.imencode(".png", picture(red=(1, 1)))[1])
        client = boto3.client("s3")

        client.put_object(Bucket=bucket, Key="input/a.png", Body=data)

        wait_for_line(process, '"message":"done"')
        client.head_object(Bucket=bucket, Key="output/a.png.json")
        process.send_signal(signal.SIGINT)
        process.communicate()
        assert process.returncode == 130


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
