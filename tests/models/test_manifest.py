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
def with_manifest(colour_model: Path) -> Path:
    """The colour model with what sha256sum prints of its files."""
    command = "sha256sum colours.* > SHA256SUMS"
    subprocess.run(["bash", "-c", command], cwd=colour_model, check=True)
    return colour_model


def test_a_seal_is_what_sha256sum_prints(sealed: Path) -> None:
    files = [path for path in sealed.iterdir() if path.name != "SHA256SUMS"]

    written = format_manifest({path.name: sha256(path.read_bytes()).hexdigest() for path in files})

    assert written == (sealed / "SHA256SUMS").read_bytes()


def test_a_sealed_model_is_the_same_as_without_its_seal(sealed: Path) -> None:
    digest = load_model(LocalFolder(sealed), Settings()).digest
    (sealed / "SHA256SUMS").unlink()

    assert load_model(LocalFolder(sealed), Settings()).digest == digest


def test_files_that_the_seal_does_not_list_do_not_count(sealed: Path) -> None:
    (sealed / "other.cfg").write_text("[net]")
    (sealed / "other.names").write_text("blue\n")

    assert load_model(LocalFolder(sealed), Settings()).labels == LABELS


@pytest.mark.parametrize("name", ["colours.cfg", "colours.names", "colours.weights"])
def test_another_file_of_a_listed_name_is_refused(sealed: Path, name: str) -> None:
    data = (sealed / name).read_bytes()
    (sealed / name).write_bytes(data.replace(b"red", b"rot").replace(b"[net]", b"[net]\n#"))
    if name.endswith(".weights"):
        (sealed / name).write_bytes(data[:-1] + b"\x3f")

    with pytest.raises(ModelError, match=rf"{sealed}: {name} is not the file that SHA256SUMS"):
        load_model(LocalFolder(sealed), Settings())


def test_a_listed_file_that_is_not_there_is_named(sealed: Path) -> None:
    (sealed / "colours.names").unlink()

    with pytest.raises(ModelError, match=r"SHA256SUMS lists colours\.names, which is not there"):
        load_model(LocalFolder(sealed), Settings())


@pytest.mark.parametrize("line", ["<html>", "\udcff", "0" * 64 + "  a/b.cfg", "0" * 63 + "  b.cfg"])
def test_what_is_no_seal_is_refused(sealed: Path, line: str) -> None:
    (sealed / "SHA256SUMS").write_bytes(line.encode(errors="surrogateescape"))

    with pytest.raises(ModelError, match=r"SHA256SUMS has a line '.*'; it should be a SHA-256"):
        load_model(LocalFolder(sealed), Settings())
