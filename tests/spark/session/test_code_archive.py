from __future__ import annotations

import os
import subprocess
import sys

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


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The modules that a fresh process imports from the archive, without the checkout."""
    folder = tmp_path_factory.mktemp("archive")
    archive = folder / "modules.zip"
    write_code_archive(archive)
    run = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL],
        cwd=folder,
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
