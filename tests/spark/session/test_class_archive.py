"""The archive of Spark's Java classes. `make batch` creates the real one, which takes a minute."""

from __future__ import annotations

from pathlib import Path

import pytest

from modules.errors import JobError
from modules.spark.session import session
from modules.spark.session.class_archive import archive_path, create_archive


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "java" / "lib").mkdir(parents=True)
    (tmp_path / "java" / "lib" / "modules").write_bytes(b"classes")
    return tmp_path / "java"


@pytest.fixture
def jars(tmp_path: Path) -> Path:
    (tmp_path / "jars").mkdir()
    (tmp_path / "jars" / "spark-core.jar").write_bytes(b"classes")
    return tmp_path / "jars"


@pytest.fixture(autouse=True)
def _in_an_empty_folder(
    home: Path, jars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keeps the developer's own archive, Java and Spark out of the tests."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JAVA_HOME", str(home))
    monkeypatch.setattr(session, "spark_jars", lambda: jars)


def java_options(master: str) -> str:
    return session._options([], master)["spark.driver.extraJavaOptions"]


def test_a_session_on_this_machine_uses_the_archive_of_its_java_and_jars(
    home: Path, jars: Path
) -> None:
    path = archive_path(home, jars)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"archive")

    assert f"-XX:SharedArchiveFile={path}" in java_options("local[2]").split()
    assert "SharedArchiveFile" not in java_options("spark://host:7077")


def test_a_session_without_an_archive_starts_without_the_option() -> None:
    assert "SharedArchiveFile" not in java_options("local[2]")


def test_another_jar_needs_another_archive(home: Path, jars: Path) -> None:
    before = archive_path(home, jars)
    assert archive_path(home, jars) == before

    (jars / "spark-core.jar").write_bytes(b"newer classes")

    assert archive_path(home, jars) != before


def test_another_java_needs_another_archive(home: Path, jars: Path) -> None:
    before = archive_path(home, jars)

    (home / "lib" / "modules").write_bytes(b"newer classes")

    assert archive_path(home, jars) != before


def test_a_java_without_its_own_classes_has_a_path_too(jars: Path, tmp_path: Path) -> None:
    path = archive_path(tmp_path / "usr", jars)

    assert path.suffix == ".jsa"
    assert not path.exists()


def test_a_job_that_fails_leaves_no_incomplete_archive(
    home: Path, jars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)  # so this folder has no package `modules`

    with pytest.raises(JobError, match=r"could not be archived: .*No module named modules"):
        create_archive(home, jars)

    assert list((tmp_path / ".cache" / "spark").iterdir()) == []
