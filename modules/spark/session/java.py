"""Finds the Java that Spark runs on; see `java_home`."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from ...errors import JobError

_OLDEST = 17  # https://spark.apache.org/docs/latest/: Spark 4 runs on Java 17 and later


def java_home() -> Path:
    """Returns the folder of a Java that is new enough: JAVA_HOME's, or the one on PATH.

    Raises:
        JobError: there is none.
    """
    rejected = []
    for home in _candidates():
        version = _version(home / "bin" / "java")
        if version is not None and version >= _OLDEST:
            return home
        rejected.append(f"{home} has {f'Java {version}' if version else 'no java that runs'}")
    found = f" ({'; '.join(rejected)})" if rejected else ""
    raise JobError(
        f"Spark needs Java {_OLDEST} or later, and none was found{found}. Install one (Debian "
        f"and Ubuntu: apt-get install openjdk-{_OLDEST}-jre-headless; macOS: brew install "
        f"openjdk@{_OLDEST}), or set JAVA_HOME to the folder of one"
    )


def _candidates() -> Iterator[Path]:
    if os.environ.get("JAVA_HOME"):
        yield Path(os.environ["JAVA_HOME"])
    if java := shutil.which("java"):
        yield Path(java).resolve().parent.parent


def _version(java: Path) -> int | None:
    """Returns the major version of a `java` command; None if it does not run."""
    try:
        run = subprocess.run(  # noqa: S603 - a Java that Spark would run
            [java, "-version"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    found = re.search(r'version "(?:1\.)?(\d+)', run.stderr + run.stdout)
    return int(found[1]) if found else None
