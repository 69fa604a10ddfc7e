"""The jobs as people start them, in processes that end with the job or are killed."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pyarrow.parquet
import pyspark
import pytest

from modules.spark.session.code_archive import write_code_archive
from modules.spark.session.s3a import s3a_options
from tests.cli.command import command
from tests.conftest import ROOT
from tests.spark.conftest import Store, png

pytestmark = pytest.mark.usefixtures("java")
SUBMIT = Path(pyspark.__file__).parent / "bin" / "spark-submit"


def test_the_command_reads_and_writes_a_bucket_without_configuration(
    store: Store, photos: Path
) -> None:
    for path in photos.rglob("*.png"):
        store.put(f"in/{path.name}", path.read_bytes())

    run = command(
        "batch", "thumbnails", f"{store.location}/in", "--output", f"{store.location}/out"
    )

    assert run.returncode == 0, run.stderr
    assert run.stdout == f"{store.location}/out\n"
    assert "12 of 12 images done" in run.stdout  # Spark moves all messages there
    assert store.keys("out/part-")


def test_spark_submit_runs_a_job_with_the_code_archive_and_its_own_access_to_s3_alone(
    store: Store, photos: Path, colours: Path, tmp_path: Path
) -> None:
    write_code_archive(tmp_path / "modules.zip")
    for path in photos.rglob("*.png"):
        store.put(f"in/{path.name}", path.read_bytes())
    options = s3a_options(os.environ, Path(pyspark.__file__).parent / "jars")
    del options["spark.hadoop.fs.s3a.aws.credentials.provider"]  # Hadoop's own come in its place
    options["spark.hadoop.fs.s3a.access.key"] = "a-key"
    options["spark.hadoop.fs.s3a.secret.key"] = "a-secret"
    environment = {key: text for key, text in os.environ.items() if not key.startswith("AWS_")}

    run = subprocess.run(
        [
            *(SUBMIT, "--master", "local[1]", "--py-files", tmp_path / "modules.zip"),
            *(part for name, value in options.items() for part in ("--conf", f"{name}={value}")),
            *(ROOT / "modules" / "spark" / "jobs" / "detect.py", f"{store.location}/in"),
            *("--model", colours, "--output", tmp_path / "out"),
        ],
        cwd=tmp_path,
        env={**environment, "PYSPARK_PYTHON": sys.executable, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stderr
    assert "12 of 12 images done" in run.stdout  # Spark moves all messages there
    assert "through Spark" not in run.stdout
    assert pyarrow.parquet.read_table(tmp_path / "out").num_rows == 12


@pytest.fixture
def many_photos(tmp_path: Path) -> Path:
    """A folder of 1,500 images."""
    folder = tmp_path / "many"
    folder.mkdir()
    pictures = [png(red=(index % 8, 5), green=(6, index % 4)) for index in range(8)]
    for index in range(1_500):
        (folder / f"{index:04}.png").write_bytes(pictures[index % 8])
    return folder


def test_each_image_has_exactly_one_row_after_two_kills_and_a_last_run(
    many_photos: Path, colours: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    arguments = ["detect", many_photos, "--model", colours, "--output", out, "--master", "local[2]"]
    counts = []
    for seed in range(2):  # benchmarks/batch.py kills a larger job three times
        _kill_at_random(arguments, out, random.Random(seed))
        counts.append(_count_rows(out))

    run = command("batch", *arguments)

    assert run.returncode == 0, run.stderr
    assert counts == sorted(counts)
    paths = pyarrow.parquet.read_table(out)["path"].to_pylist()
    assert Counter(paths) == {f"file:{path}": 1 for path in many_photos.iterdir()}
    assert not (out / "_temporary").exists()


def _kill_at_random(arguments: list[object], out: Path, random_source: random.Random) -> None:
    """Starts a job, and kills all its processes up to 3 s after its first round has begun."""
    process = subprocess.Popen(
        [sys.executable, "-m", "modules", "batch", *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    started = time.time()
    while process.poll() is None and not (out / "_job.json").exists():
        time.sleep(0.05)
    while process.poll() is None and _last_change(out / "_temporary") < started:
        time.sleep(0.02)
    time.sleep(random_source.uniform(0, 3))
    with contextlib.suppress(ProcessLookupError):  # the job was faster
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _last_change(folder: Path) -> float:
    return folder.stat().st_mtime if folder.exists() else 0


def _count_rows(out: Path) -> int:
    """Counts the rows of the finished files; an incomplete file would raise an error."""
    return sum(pyarrow.parquet.read_metadata(path).num_rows for path in out.glob("part-*.parquet"))
