"""Starting a job: what `--help` needs, what is reported before Spark starts."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from modules.spark.jobs import JOBS
from tests.conftest import ROOT

MAIN = "from modules.cli import main; sys.exit(main({}))"


def run_without(*packages: str, arguments: list[str], **environment: str) -> tuple[int, str, str]:
    """Runs the command in a process that cannot import `packages`."""
    code = f"import sys; sys.modules.update(dict.fromkeys({packages})); {MAIN.format(arguments)}"
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return run.returncode, run.stdout, run.stderr


def test_every_module_with_a_main_is_a_registered_job() -> None:
    folder = ROOT / "modules" / "spark" / "jobs"

    found = {path.stem for path in folder.glob("*.py") if "sys.exit(main(" in path.read_text()}

    assert found == set(JOBS)


@pytest.mark.parametrize("job", JOBS)
def test_help_needs_neither_spark_nor_arrow(job: str) -> None:
    code, stdout, stderr = run_without(
        "pyspark", "pyarrow", "matplotlib", arguments=["batch", job, "--help"]
    )

    assert code == 0, stderr
    assert "--output OUT" in stdout
    assert "example:" in stdout


def test_a_missing_package_is_named_with_the_command_that_installs_it(photos: Path) -> None:
    code, _, stderr = run_without(
        "pyspark", arguments=["batch", "thumbnails", str(photos), "--output", "out"]
    )

    assert code == 2
    assert "PySpark, which is not installed: run `make batch`" in stderr


def test_a_bad_setting_is_reported_before_spark_starts(photos: Path) -> None:
    code, _, stderr = run_without(
        "pyspark",
        arguments=["batch", "detect", str(photos), "--model", "demo/fruits", "--output", "out"],
        CONFIDENCE="7",
    )

    assert code == 2
    assert "CONFIDENCE" in stderr
    assert "PySpark" not in stderr
