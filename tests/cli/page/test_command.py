"""The command `page` in a process of its own."""

import json
import signal
import subprocess
import sys
import urllib.request

from tests.cli.command import command
from tests.conftest import ROOT


def test_the_command_serves_a_local_bucket_until_it_is_interrupted() -> None:
    arguments = [sys.executable, "-m", "modules", "page", "--port", "0"]
    with subprocess.Popen(arguments, cwd=ROOT, text=True, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert "s3://pictures" in process.stdout.readline()
        address = process.stdout.readline().strip()
        with urllib.request.urlopen(f"{address}site") as answer:
            assert json.load(answer)["bucket"] == "pictures"
        process.send_signal(signal.SIGINT)
        assert process.wait(120) == 0


def test_a_model_is_for_the_local_bucket_only() -> None:
    result = command("page", "s3://some-bucket", "--model", "fruits")
    assert result.returncode == 2
    assert "--model is for the local bucket" in result.stderr
