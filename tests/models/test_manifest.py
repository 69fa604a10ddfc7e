import subprocess
from hashlib import sha256
from pathlib import Path

import pytest

from modules.errors import ModelError
from modules.models.folder import LocalFolder
from modules.models.loader import load_model
from modules.models.manifest import format_manifest
from modules.settings import Settings
from tests.colour_model import LABELS


@pytest.fixture
def folder(colour_model: Path) -> Path:
    """The colour model, with a manifest that `sha256sum` has written."""
    command = "sha256sum colours.* > SHA256SUMS"
    subprocess.run(["bash", "-c", command], cwd=colour_model, check=True)
    return colour_model


def test_a_manifest_is_what_sha256sum_prints(folder: Path) -> None:
    files = [path for path in folder.iterdir() if path.name != "SHA256SUMS"]

    written = format_manifest({path.name: sha256(path.read_bytes()).hexdigest() for path in files})

    assert written == (folder / "SHA256SUMS").read_bytes()


def test_a_manifest_does_not_change_the_digest(folder: Path) -> None:
    digest = load_model(LocalFolder(folder), Settings()).digest
    (folder / "SHA256SUMS").unlink()

    assert load_model(LocalFolder(folder), Settings()).digest == digest


def test_files_that_the_manifest_does_not_list_are_ignored(folder: Path) -> None:
    (folder / "other.cfg").write_text("[net]")
    (folder / "other.names").write_text("blue\n")

    assert load_model(LocalFolder(folder), Settings()).labels == LABELS


@pytest.mark.parametrize("name", ["colours.cfg", "colours.names", "colours.weights"])
def test_a_file_that_differs_from_the_manifest_is_refused(folder: Path, name: str) -> None:
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data.replace(b"red", b"rot").replace(b"[net]", b"[net]\n#"))
    if name.endswith(".weights"):
        (folder / name).write_bytes(data[:-1] + b"\x3f")

    with pytest.raises(ModelError, match=rf"{folder}: {name} is not the file that SHA256SUMS"):
        load_model(LocalFolder(folder), Settings())


def test_the_error_names_a_listed_file_that_is_missing(folder: Path) -> None:
    (folder / "colours.names").unlink()

    with pytest.raises(ModelError, match=r"SHA256SUMS lists colours\.names, which is not there"):
        load_model(LocalFolder(folder), Settings())


@pytest.mark.parametrize("line", ["<html>", "\udcff", "0" * 64 + "  a/b.cfg", "0" * 63 + "  b.cfg"])
def test_a_malformed_manifest_is_refused(folder: Path, line: str) -> None:
    (folder / "SHA256SUMS").write_bytes(line.encode(errors="surrogateescape"))

    with pytest.raises(ModelError, match=r"SHA256SUMS has a line '.*'; it should be a SHA-256"):
        load_model(LocalFolder(folder), Settings())
