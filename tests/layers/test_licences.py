"""Licences are read from packages' metadata, and only the allowed ones pass."""

import sys
from email.message import Message
from pathlib import Path

import pytest
from cyclonedx.spdx import is_supported_id

from layers import bundled
from layers.licences import (
    ALLOWED,
    LicenceError,
    check_library,
    check_licence,
    licence_of,
    locked_packages,
    main,
)

ROOT = Path(__file__).parents[2]


def package(**fields: str | list[str]) -> Message:
    message = Message()
    message["Name"], message["Version"] = "thing", "1.0"
    for name, values in fields.items():
        for value in [values] if isinstance(values, str) else values:
            message[name.replace("_", "-")] = value
    return message


def test_license_expression_comes_first() -> None:
    thing = package(License_Expression="MIT AND Zlib", License="Apache 2.0")

    assert licence_of(thing) == "MIT AND Zlib"


def test_free_text_comes_before_classifiers() -> None:
    thing = package(License="Apache 2.0", Classifier="License :: OSI Approved :: MIT License")

    assert licence_of(thing) == "Apache-2.0"


def test_several_classifiers_are_alternatives() -> None:
    names = ["BSD License", "Apache Software License"]
    thing = package(Classifier=[f"License :: OSI Approved :: {name}" for name in names])

    assert licence_of(thing) == "Apache-2.0 OR BSD-3-Clause"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "nothing"),
        ({"License": "see the website"}, "see the website"),
        (
            {"Classifier": "License :: OSI Approved :: GNU Affero General Public License v3"},
            "GNU Affero General Public License v3",
        ),
    ],
)
def test_a_licence_that_is_not_understood_is_named(fields: dict[str, str], said: str) -> None:
    with pytest.raises(LicenceError, match=rf"thing 1\.0 states as its licence: {said}\."):
        licence_of(package(**fields))


@pytest.mark.parametrize(
    ("expression", "refused"),
    [("AGPL-3.0-only", "AGPL-3.0-only"), ("MIT OR GPL-2.0-only", "GPL-2.0-only")],
)
def test_a_licence_that_is_not_allowed_is_refused(expression: str, refused: str) -> None:
    with pytest.raises(LicenceError, match=f"thing is under .*, and {refused} is not among"):
        check_licence("thing", expression)


def test_combinations_of_allowed_licences_pass() -> None:
    check_licence("numpy", "BSD-3-Clause AND 0BSD AND (MIT OR Zlib) AND CC0-1.0")


@pytest.mark.parametrize(
    ("expression", "is_shared"),
    [
        ("BSD-3-Clause", False),
        ("BSD-3-Clause OR GPL-2.0-only", False),
        ("GPL-3.0-or-later WITH GCC-exception-3.1", True),
        ("IJG AND BSD-3-Clause AND Zlib", False),
        ("LGPL-2.1-or-later", True),
        ("LGPL-3.0-or-later", True),
    ],
)
def test_a_library_under_the_lgpl_may_be_a_shared_one(expression: str, is_shared: bool) -> None:
    check_library("libthing", expression, is_shared=is_shared)


@pytest.mark.parametrize(
    ("expression", "is_shared", "how"),
    [
        ("LGPL-3.0-or-later", False, "compiled in"),
        ("MIT AND LGPL-2.1-or-later", False, "compiled in"),
        ("GPL-2.0-or-later", True, "a shared library"),
        ("AGPL-3.0-only", True, "a shared library"),
        ("MIT AND GPL-2.0-only", False, "compiled in"),
    ],
)
def test_other_libraries_under_the_gpl_or_lgpl_are_refused(
    expression: str, is_shared: bool, how: str
) -> None:
    with pytest.raises(LicenceError, match=f"libthing is {how} and under {expression}. Libraries"):
        check_library("libthing", expression, is_shared=is_shared)


def test_the_allowed_licences_are_spdx_identifiers() -> None:
    assert all(map(is_supported_id, ALLOWED))


def test_the_licences_of_the_functions_dependencies_are_allowed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lock = ROOT / "requirements.txt"

    assert main([str(lock)]) == 0

    lines = capsys.readouterr().out.splitlines()
    listed = [line.split()[0] for line in lines if not line.startswith(" ")]
    assert listed == locked_packages(lock)
    assert "opencv-python-headless" in listed


@pytest.mark.skipif(sys.platform != "linux", reason="only wheels for Linux have .libs folders")
def test_shared_libraries_under_the_lgpl_are_printed_under_their_package(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main([str(ROOT / "requirements.txt")])

    after = capsys.readouterr().out.partition("\npi-heif ")[2].splitlines()
    assert [line.split()[0] for line in after[1:3]] == ["libde265", "libheif"]
    assert all(line.endswith("LGPL-3.0-or-later, shared library") for line in after[1:3])


@pytest.mark.skipif(sys.platform != "linux", reason="only wheels for Linux have .libs folders")
def test_a_package_that_brings_a_library_under_the_gpl_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "lock.txt").write_text("pi-heif==1\n")
    monkeypatch.setitem(bundled._LICENCES, "libheif", "GPL-2.0-or-later")

    assert main([str(tmp_path / "lock.txt")]) == 1

    assert "libheif in pi-heif is a shared library and under GPL-2.0-or-later" in (
        capsys.readouterr().err
    )


def test_a_refused_licence_or_a_missing_package_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text("certifi==1\nnowhere-to-be-found==1\nsix==1\n")

    assert main([str(lock)]) == 1

    output = capsys.readouterr()
    assert "certifi" in output.err
    assert "MPL-2.0" in output.err
    assert "nowhere-to-be-found is not installed" in output.err
    assert "six" not in output.err
