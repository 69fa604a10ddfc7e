from __future__ import annotations

from pathlib import Path

import pytest

from modules.cli import main
from tests.cli.detecting import Detect, Run


@pytest.fixture
def detect(
    colour_model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Detect:
    """Runs `detect ... --model M --json` in this process, in the folder `home`."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.chdir(home)

    def run(*arguments: object) -> Run:
        given = [str(argument) for argument in arguments]
        code = main(["detect", *given, "--model", str(colour_model), "--json"])
        out, err = capsys.readouterr()
        return Run(code, out, err)

    return run
