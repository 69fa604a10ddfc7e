"""Runs the command as a person would."""

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
    """`python -m modules ...`, in `folder`, with no models at hand but those there."""
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
    """`python -m modules models ...`, likewise."""
    return command("models", *arguments, folder=folder, environment=environment)
