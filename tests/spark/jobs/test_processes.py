"""The jobs as people start them, in processes of their own."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pyarrow.parquet
import pyspark
import pytest

from modules.cli.local_aws.moto_server import MotoServer
from tests.cli.command import command
from tests.conftest import ROOT
from tests.spark.conftest import Store, png

pytestmark = pytest.mark.usefixtures("java")
SUBMIT = Path(pyspark.__file__).parent / "bin" / "spark-submit"


def test_a_bucket_is_within_reach_out_of_the_box(
    s3: MotoServer, store: Store, photos: Path
) -> None:
    for path in photos.rglob("*.png"):
        store.put(f"in/{path.name}", path.read_bytes())

    run = command("batch", "thumbnails", f"{store.place}/in", "--output", f"{store.place}/out")

    assert run.returncode == 0, run.stderr
    assert run.stdout == f"{store.place}/out\n"
    assert "12 of 12 images done" in run.stderr
    assert store.keys("out/part-")


def test_each_job_is_a_main_of_spark_submit(photos: Path, colours: Path, tmp_path: Path) -> None:
    code = shutil.make_archive(str(tmp_path / "modules"), "zip", ROOT, "modules")

    run = subprocess.run(
        [
            *(SUBMIT, "--master", "local[1]", "--py-files", code),
            *(ROOT / "modules" / "batch" / "detect.py", photos, "--model", colours),
            *("--output", tmp_path / "out"),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYSPARK_PYTHON": sys.executable, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stderr
    assert pyarrow.parquet.read_table(tmp_path / "out").num_rows == 12


@pytest.mark.parametrize("job", ["detect", "featurize", "reduce", "thumbnails", "run"])
def test_help_needs_neither_spark_nor_arrow(job: str) -> None:
    code = "import sys; sys.modules.update(dict.fromkeys(['pyspark', 'pyarrow', 'matplotlib'])); "
    code += f"from modules.cli import main; main(['batch', '{job}', '--help'])"

    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert run.returncode == 0, run.stderr
    assert "--output OUT" in run.stdout
    assert "example:" in run.stdout


def test_what_is_not_installed_is_asked_for(photos: Path, tmp_path: Path) -> None:
    code = "import sys; sys.modules['pyspark'] = None; from modules.cli import main; "
    code += f"sys.exit(main(['batch', 'thumbnails', {str(photos)!r}, '--output', 'out']))"

    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert run.returncode == 2
    assert "PySpark, which is not installed: run `make batch`" in run.stderr


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """1,500 pictures."""
    folder = tmp_path / "many"
    folder.mkdir()
    pictures = [png(red=(index % 8, 5), green=(6, index % 4)) for index in range(8)]
    for index in range(1_500):
        (folder / f"{index:04}.png").write_bytes(pictures[index % 8])
    return folder


def test_a_driver_that_is_killed_leaves_whole_files_and_the_next_goes_on(
    many: Path, colours: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    arguments = ["detect", many, "--model", colours, "--output", out, "--master", "local[2]"]
    seen = []
    for seed in range(2):  # benchmarks/batch.py kills more, of a larger job
        _kill_at_random(arguments, out, random.Random(seed))
        seen.append(_whole_rows(out))

    run = command("batch", *arguments)

    assert run.returncode == 0, run.stderr
    assert seen == sorted(seen)
    paths = pyarrow.parquet.read_table(out)["path"].to_pylist()
    assert Counter(paths) == {f"file:{path}": 1 for path in many.iterdir()}
    assert not (out / "_temporary").exists()


def _kill_at_random(arguments: list[object], out: Path, chance: random.Random) -> None:
    """Starts a job, and kills its processes some time after it has begun with the images."""
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
    touched = (out / "_temporary").stat().st_mtime if (out / "_temporary").exists() else 0
    while process.poll() is None and touched < started:  # of this run's first round
        time.sleep(0.02)
        touched = (out / "_temporary").stat().st_mtime if (out / "_temporary").exists() else 0
    time.sleep(chance.uniform(0, 3))
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _whole_rows(out: Path) -> int:
    """How many rows are there; a file that is not whole would not be read."""
    return sum(pyarrow.parquet.read_metadata(path).num_rows for path in out.glob("part-*.parquet"))
