"""Every command that the documentation shows is run, here or by CI."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

# Where the others are run
ELSEWHERE = {
    "make demo": ".ci/run",
    "make test": ".ci/run",
    "source .venv/bin/activate": "tests/test_serverless.py, which puts .venv/bin on PATH",
    ".venv/bin/python -m modules local": "tests/cli/test_local.py",
    "aws s3 cp demo/street.jpg s3://pictures/input/dog.jpg": "tests/test_serverless.py, by boto3",
    "npx serverless invoke local -f detect -p tests/events/s3-put.json": "tests/test_serverless.py",
}
DETECT = ".venv/bin/python -m modules detect"
HERE = [
    "make demo IMAGES=path/to/pictures",
    f"{DETECT} path/to/pictures --model yolo-fastest-1.1-xl --output boxed",
    f"{DETECT} demo/street.jpg --model yolo-fastest-1.1-xl --json | jq .detections",
]


def test_every_command_is_run_somewhere() -> None:
    shown = [
        line
        for page in PAGES
        for block in re.findall(r"```bash\n(.*?)```", page.read_text(), re.DOTALL)
        for line in block.splitlines()
    ]

    assert sorted(shown) == sorted([*ELSEWHERE, *HERE])
    for name in ("make demo", "make test"):
        assert name in (ROOT / ".ci" / "run").read_text()


@pytest.mark.parametrize("command", HERE)
def test_the_commands_of_the_documentation_work(
    command: str, shared: Callable[[str], Path], tmp_path: Path
) -> None:
    shared("models/yolo-fastest-1.1-xl")
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    shutil.copy(ROOT / "demo" / "street.jpg", pictures)
    command = command.replace("path/to/pictures", str(pictures))
    command = command.replace("boxed", str(tmp_path / "boxed"))
    if not shutil.which("jq"):
        command = command.replace("jq .detections", "python3 -m json.tool")
    if not (ROOT / ".venv").exists():
        pytest.skip("the documentation's commands use .venv, which `make setup` makes")

    run = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=ROOT,
        env={**os.environ, "SHARED_DATA": str(shared("."))},
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stderr
    assert "stop sign" in run.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        assert target.startswith("https://") or (page.parent / target).exists(), target
