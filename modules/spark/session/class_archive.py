"""Has Java load Spark's classes as it left them, not anew at every start: `python -m` this, once.

Class data sharing (https://openjdk.org/jeps/350): what a job that does a bit of everything has
loaded, parsed and verified is kept in a file, which later Javas map into memory. It halves the
seconds that Spark takes to start, and spares the first round of a job some more.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from ...errors import JobError
from .java import java_home

_CACHE = Path(".cache", "spark")
# the demo's own pictures and network: from images to features, components, a table, CSV and plots
_JOB = ("run", "demo", "--model", "demo/fruits", "--layer", "33", "--pca", "2")


def spark_jars() -> Path:
    """The folder of Spark's jars."""
    import pyspark

    return Path(os.environ.get("SPARK_HOME", Path(pyspark.__file__).parent)) / "jars"


def archive(home: Path, jars: Path) -> Path:
    """Where the classes of Spark's `jars` lie, if they do, for the Java in `home`.

    The name tells of this Java and of these jars, so that what fits no more is not found.
    """
    files = [home / "lib" / "modules", *sorted(jars.iterdir())]
    # macOS has a java that only stands for one elsewhere
    there = [path for path in files if path.exists()]
    stats = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in there]
    return _CACHE / f"classes-{hashlib.sha256(repr(stats).encode()).hexdigest()[:16]}.jsa"


def make(home: Path, jars: Path) -> Path:
    """Runs the job, and keeps the classes; returns where.

    Raises:
        JobError: the job, or Java, fails.
    """
    place = archive(home, jars)
    if place.exists():
        return place
    _CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_CACHE) as folder:
        new = Path(folder, "classes.jsa")
        # the pipes are Java's too: the command ends when Java has written the classes
        run = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "modules", "batch", *_JOB, "--output", Path(folder, "out")],
            env={**os.environ, "SPARK_SUBMIT_OPTS": f"-XX:ArchiveClassesAtExit={new}"},
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode or not new.exists():
            raise JobError(f"Spark's classes could not be kept: {run.stderr.strip()[-500:]}")
        for old in _CACHE.glob("classes-*.jsa"):  # of another Java, or another Spark
            old.unlink()
        new.replace(place)
    return place


def main() -> int:
    """Keeps the classes, where there is a Java: without them jobs start later, and that is all."""
    print("keeping Spark's Java classes for faster starts, once: a minute", file=sys.stderr)
    try:
        make(java_home(), spark_jars())
    except JobError as error:
        print(f"no faster starts: {error}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
