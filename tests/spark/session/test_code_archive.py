from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from modules.spark.jobs import JOBS
from modules.spark.session.code_archive import write_code_archive
from tests.conftest import ROOT

# Imports every module in the archive, and prints where each one came from
IMPORT_ALL = """
import importlib, pkgutil, sys
import modules
for module in pkgutil.walk_packages(modules.__path__, "modules."):
    importlib.import_module(module.name)
for name, module in sorted(sys.modules.items()):
    if name.split(".")[0] == "modules":
        print(name, module.__file__)
"""


# Draws a label, and prints the digest of the picture
DRAW = """
import hashlib, sys
import numpy as np
from modules.object_detection.annotate import annotate
from modules.object_detection.detections import Detections
boxes = np.array([[10, 50, 90, 90]], np.float32)
found = Detections(boxes, np.array([0.9], np.float32), np.array([0], np.int32))
drawn = annotate(np.zeros((100, 300, 3), np.uint8), found, [sys.argv[1]])
print(hashlib.sha256(drawn).hexdigest())
"""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    archive = tmp_path_factory.mktemp("archive") / "modules.zip"
    write_code_archive(archive)
    return archive


@pytest.fixture(scope="module")
def imported(archive: Path) -> dict[str, str]:
    """The modules that a fresh process imports from the archive, without the checkout."""
    run = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL],
        cwd=archive.parent,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(archive)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    found = dict(line.split(" ", 1) for line in run.stdout.splitlines())
    assert all(path.startswith(f"{archive}/modules/") for path in found.values())
    return found


def test_every_job_and_every_worker_imports_from_the_archive_alone(
    imported: dict[str, str],
) -> None:
    folder = ROOT / "modules" / "spark" / "workers"
    workers = {f"modules.spark.workers.{path.stem}" for path in folder.glob("[!_]*.py")}

    assert {f"modules.spark.jobs.{job}" for job in JOBS} | workers <= imported.keys()


def test_the_archive_has_no_code_of_the_function_or_the_commands(imported: dict[str, str]) -> None:
    rooms = {name.split(".")[1] for name in imported if "." in name}

    assert not rooms & {"cli", "events", "function"}
    assert "modules.models.zoo" not in imported
    assert {name for name in imported if name.startswith("modules.telemetry.")} == {
        "modules.telemetry.timings"
    }


def test_arabic_labels_are_drawn_alike_from_the_archive_and_from_the_checkout(
    archive: Path,
) -> None:
    def drawn(label: str, path: Path) -> str:
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(path)}
        command = [sys.executable, "-c", DRAW, label]
        return subprocess.run(
            command, cwd=archive.parent, env=environment, stdout=subprocess.PIPE, check=True
        ).stdout.decode()

    assert drawn("كلب", archive) == drawn("كلب", ROOT)
    assert drawn("كلب", archive) != drawn("بلك", archive)
