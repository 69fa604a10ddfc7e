from pathlib import Path

import pytest

from modules.errors import JobError
from modules.spark.session.java import java_home


def fake_java(folder: Path, version: str) -> Path:
    java = folder / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    java.chmod(0o755)
    return folder


@pytest.fixture(autouse=True)
def _no_java(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin/nowhere")


def test_java_home_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = fake_java(tmp_path / "home", "21.0.2")
    monkeypatch.setenv("JAVA_HOME", str(home))

    assert java_home() == home


def test_a_java_on_path_is_next(tmp_path: Path) -> None:
    fake_java(tmp_path, "17.0.15")

    assert java_home() == tmp_path


def test_one_that_is_too_old_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = fake_java(tmp_path / "old", "11.0.2")
    monkeypatch.setenv("JAVA_HOME", str(old))
    fake_java(tmp_path, "21.0.2")

    assert java_home() == tmp_path


@pytest.mark.parametrize(("version", "told"), [("1.8.0_392", "Java 8"), ("11.0.2", "Java 11")])
def test_none_at_all_is_told_with_what_would_help(version: str, told: str, tmp_path: Path) -> None:
    fake_java(tmp_path, version)

    with pytest.raises(JobError, match=rf"Java 17 or later.*has {told}.*apt-get.*JAVA_HOME"):
        java_home()
