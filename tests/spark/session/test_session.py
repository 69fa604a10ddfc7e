import os

import pytest

from modules.spark.session.session import _prepare_environment


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"LC_ALL": "C"}, "C.UTF-8"),
        ({"LANG": "de_DE.ISO-8859-1"}, "C.UTF-8"),
        ({}, "C.UTF-8"),
        ({"LANG": "de_DE.UTF-8"}, None),
        ({"LC_ALL": "C.utf8", "LANG": "C"}, "C.utf8"),
    ],
)
def test_java_starts_in_a_locale_that_expresses_every_file_name(
    variables: dict[str, str], expected: str | None, java: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("JAVA_HOME", "PYSPARK_PYTHON", "PYTHONPATH"):
        if name in os.environ:
            monkeypatch.setenv(name, os.environ[name])  # to be restored
        else:
            monkeypatch.delenv(name, raising=False)
    for name in ("LC_ALL", "LC_CTYPE", "LANG"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    _prepare_environment()

    assert os.environ.get("LC_ALL") == expected
