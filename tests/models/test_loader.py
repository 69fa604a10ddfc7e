import subprocess
from pathlib import Path

import pytest

from modules.errors import ModelError, SettingsError
from modules.models.folder import LocalFolder
from modules.models.loader import load_model
from modules.settings import Settings
from tests.colour_model import LABELS, picture


def test_a_folder_loads_as_a_model_with_its_labels(colour_model: Path) -> None:
    model = load_model(LocalFolder(colour_model), Settings())

    assert (model.name, model.labels) == ("colours", LABELS)
    assert model.detector.input_size == (64, 64)


def test_the_digest_is_the_sha256_of_what_sha256sum_prints(colour_model: Path) -> None:
    model = load_model(LocalFolder(colour_model), Settings())

    command = "sha256sum *.cfg *.names *.weights | sha256sum"
    printed = subprocess.run(
        ["bash", "-c", command], cwd=colour_model, capture_output=True, text=True, check=True
    ).stdout
    assert model.digest == f"sha256:{printed.split()[0]}"


def test_labels_come_from_a_txt_file_without_a_names_file(colour_model: Path) -> None:
    (colour_model / "colours.names").rename(colour_model / "classes.txt")

    assert load_model(LocalFolder(colour_model), Settings()).labels == LABELS


def test_labels_may_have_a_byte_order_mark_and_windows_line_ends(
    colour_model: Path,
) -> None:
    (colour_model / "colours.names").write_bytes("\ufeffröd\r\ngrön\r\n\r\n".encode())

    assert load_model(LocalFolder(colour_model), Settings()).labels == ("röd", "grön")


def test_class_ids_are_those_of_the_setting_classes(colour_model: Path) -> None:
    model = load_model(LocalFolder(colour_model), Settings(classes=("green",)))

    assert model.class_ids == (1,)


def test_an_unknown_class_in_the_settings_is_an_error_that_names_it(colour_model: Path) -> None:
    with pytest.raises(SettingsError, match=r"CLASSES names 'blue', .* red, green"):
        load_model(LocalFolder(colour_model), Settings(classes=("blue",)))


def test_the_error_for_missing_weights_lists_the_folder(colour_model: Path) -> None:
    (colour_model / "colours.weights").unlink()

    with pytest.raises(ModelError, match=r"no \*\.weights; in it: colours\.cfg, colours\.names"):
        load_model(LocalFolder(colour_model), Settings())


def test_a_folder_with_two_cfgs_is_refused(colour_model: Path) -> None:
    (colour_model / "other.cfg").write_text("")

    with pytest.raises(ModelError, match=r"2 files \*\.cfg \(colours\.cfg, other\.cfg\)"):
        load_model(LocalFolder(colour_model), Settings())


def test_a_wrong_number_of_labels_is_refused(colour_model: Path) -> None:
    (colour_model / "colours.names").write_text("red\n")

    with pytest.raises(ModelError, match=r"has 1 classes, one a line; the network has 2"):
        load_model(LocalFolder(colour_model), Settings())


def test_a_cfg_that_is_not_text_is_refused(colour_model: Path) -> None:
    (colour_model / "colours.cfg").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(ModelError, match=r"colours\.cfg is not a text file"):
        load_model(LocalFolder(colour_model), Settings())


def test_an_error_in_the_cfg_names_the_model_and_the_line(colour_model: Path) -> None:
    cfg = colour_model / "colours.cfg"
    cfg.write_text(cfg.read_text().replace("activation", "activaton"))

    with pytest.raises(ModelError, match=r"colours: section 1 \[convolutional\], line 16: "):
        load_model(LocalFolder(colour_model), Settings())


def test_a_network_with_a_class_tree_needs_the_tree_file(colour_model: Path) -> None:
    cfg = colour_model / "colours.cfg"
    text = cfg.read_text().replace("[yolo]", "[region]\nsoftmax=1\ntree=data/colours.tree")
    cfg.write_text(text.replace("anchors=8,8", "anchors=1,1"))
    with pytest.raises(
        ModelError, match=r"tree=data/colours\.tree: the tree of the classes is mis"
    ):
        load_model(LocalFolder(colour_model), Settings())
    (colour_model / "colours.tree").write_text("red -1\ngreen -1\n")

    model = load_model(LocalFolder(colour_model), Settings())

    (found,) = model.detector.detect(picture(green=(2, 5))).class_ids
    assert model.labels[found] == "green"
    printed = subprocess.run(
        ["bash", "-c", "sha256sum *.cfg *.names *.tree *.weights | sha256sum"],
        cwd=colour_model,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert model.digest == f"sha256:{printed.split()[0]}"
