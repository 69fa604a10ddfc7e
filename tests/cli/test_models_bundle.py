"""A model's files are copied for the next package, whole and with their manifest, or not at all."""

import argparse
import shutil
from pathlib import Path

import pytest

from modules.cli.models import bundle
from modules.cli.models.push import model_files
from modules.errors import ModelError
from modules.models.folder import LocalFolder, bundled_folder
from modules.models.loader import load_model
from modules.models.manifest import MANIFEST
from modules.settings import Settings
from tests.colour_model import write_colour_model


def test_the_copy_is_the_only_model_with_the_digest_and_a_manifest(tmp_path: Path) -> None:
    place = tmp_path / "bundled"
    bundle.bundle(write_colour_model(tmp_path / "first"), place)
    model = write_colour_model(tmp_path / "colours")
    (model / "LICENCE.md").write_text("comes along")

    copy = bundle.bundle(model, place)

    assert copy == place / "colours"
    assert [path.name for path in place.iterdir()] == ["colours"]
    names = {"colours.cfg", "colours.names", "colours.weights", "LICENCE.md", MANIFEST}
    assert {path.name for path in copy.iterdir()} == names
    found = load_model(bundled_folder(place), Settings())
    assert found.name == "colours"
    assert found.digest == load_model(LocalFolder(model), Settings()).digest
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_model_whose_file_cannot_be_read_leaves_the_one_that_was_there(tmp_path: Path) -> None:
    place = tmp_path / "bundled"
    bundle.bundle(write_colour_model(tmp_path / "first"), place)
    model = write_colour_model(tmp_path / "colours")
    files = model_files(model) | {"gone": model / "gone"}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bundle, "model_files", lambda folder: files)
        with pytest.raises(FileNotFoundError):
            bundle.bundle(model, place)

    assert [path.name for path in place.iterdir()] == ["first"]
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize(("count", "named"), [(0, "has none"), (2, "has a, b")])
def test_a_package_with_another_number_of_models_than_one_is_refused(
    count: int, named: str, tmp_path: Path
) -> None:
    for name in "ab"[:count]:
        (tmp_path / "bundled" / name).mkdir(parents=True)

    with pytest.raises(ModelError, match=f"MODEL=bundled needs one model folder.*{named}"):
        bundled_folder(tmp_path / "bundled")


def test_a_model_that_does_not_load_is_not_bundled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = write_colour_model(tmp_path / "colours")
    shutil.copy(model / "colours.cfg", model / "colours.weights")
    monkeypatch.setattr(bundle, "BUNDLED_PLACE", tmp_path / "bundled")

    with pytest.raises(ModelError, match="which Darknet never wrote"):
        bundle.run(argparse.Namespace(model=str(model)))

    assert not (tmp_path / "bundled").exists()
