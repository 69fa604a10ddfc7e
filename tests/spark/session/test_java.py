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
def _without_java(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin/nowhere")


def test_java_home_is_used_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = fake_java(tmp_path / "home", "21.0.2")
    monkeypatch.setenv("JAVA_HOME", str(home))

    assert java_home() == home


def test_a_java_on_path_is_used_without_java_home(tmp_path: Path) -> None:
    fake_java(tmp_path, "17.0.15")

    assert java_home() == tmp_path


def test_a_java_that_is_too_old_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = fake_java(tmp_path / "old", "11.0.2")
    monkeypatch.setenv("JAVA_HOME", str(old))
    fake_java(tmp_path, "21.0.2")

    assert java_home() == tmp_path


@pytest.mark.parametrize(("version", "found"), [("1.8.0_392", "Java 8"), ("11.0.2", "Java 11")])
def test_without_a_java_the_error_names_what_was_found_and_how_to_install_one(
    version: str, found: str, tmp_path: Path
) -> None:
    fake_java(tmp_path, version)

    with pytest.raises(JobError, match=rf"Java 17 or later.*has {found}.*apt-get.*JAVA_HOME"):
        java_home()
