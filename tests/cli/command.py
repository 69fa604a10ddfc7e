"""Runs `python -m modules` in a process; start at `command`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.conftest import ROOT


def command(
    *arguments: object, folder: Path | None = None, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs `python -m modules ...` in `folder`, without shared models and without a mirror."""
    own = {"SHARED_DATA": "", "MODEL_MIRROR": "", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "modules", *map(str, arguments)],
        cwd=folder or ROOT,
        env={**os.environ, **own, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )


def models(
    *arguments: object, folder: Path | None = None, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs `python -m modules models ...` in the same way."""
    return command("models", *arguments, folder=folder, environment=environment)
