"""Archives Spark's Java classes, so that later sessions start faster: `python -m` this, once.

With class data sharing (https://openjdk.org/jeps/350) Java writes the classes that a job has
loaded, parsed and verified to a file, and later Javas map that file into memory. This halves the
seconds that Spark takes to start, and shortens the first round of a job.
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
# Reads images and writes features, components, a table, CSV and plots, with the demo's own images
# and network
_JOB = ("run", "demo", "--model", "demo/fruits", "--layer", "33", "--pca", "2")


def spark_jars() -> Path:
    """Returns the folder of Spark's jars."""
    import pyspark

    return Path(os.environ.get("SPARK_HOME", Path(pyspark.__file__).parent)) / "jars"


def archive_path(home: Path, jars: Path) -> Path:
    """Returns where the archive for a Java and for Spark's jars is stored, if it exists.

    The name depends on both, so that an archive is found only by the Java and Spark it was made
    with.

    Args:
        home: the Java's folder.
        jars: the folder of Spark's jars.
    """
    files = [home / "lib" / "modules", *sorted(jars.iterdir())]
    # macOS has a java command that only starts another Java: its home lacks lib/modules
    existing = [path for path in files if path.exists()]
    stats = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in existing]
    return _CACHE / f"classes-{hashlib.sha256(repr(stats).encode()).hexdigest()[:16]}.jsa"


def create_archive(home: Path, jars: Path) -> Path:
    """Runs a job and archives its classes, unless that was done before; returns the file's path.

    Raises:
        JobError: the job, or Java, failed.
    """
    path = archive_path(home, jars)
    if path.exists():
        return path
    _CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_CACHE) as folder:
        new = Path(folder, "classes.jsa")
        # Java inherits the pipes, so `run` returns only when Java has written the archive
        run = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "modules", "batch", *_JOB, "--output", Path(folder, "out")],
            env={**os.environ, "SPARK_SUBMIT_OPTS": f"-XX:ArchiveClassesAtExit={new}"},
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode or not new.exists():
            raise JobError(f"Spark's classes could not be archived: {run.stderr.strip()[-500:]}")
        for old in _CACHE.glob("classes-*.jsa"):  # of another Java, or another Spark
            old.unlink()
        new.replace(path)
    return path


def main() -> int:
    """Creates the archive; returns 0 also on failure, as jobs work without it, but start later."""
    print("archiving Spark's Java classes for faster starts, once: a minute", file=sys.stderr)
    try:
        create_archive(java_home(), spark_jars())
    except JobError as error:
        print(f"no faster starts: {error}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
