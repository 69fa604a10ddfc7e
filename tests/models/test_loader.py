import subprocess
from pathlib import Path

import pytest

from modules.errors import ModelError
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


@pytest.mark.parametrize(
    ("comment", "end"),
    [
        (b"# Gr\xfc\xdfe aus K\xf6ln", b"\n"),  # Latin-1
        (b"; \x85 \x93quoted\x94", b"\r\n"),  # Windows-1252
        ("# \u2028 \x85 \x0c a form feed".encode(), b"\n"),  # ends of a line for Python only
        (b"\xef\xbb\xbf# a UTF-8 mark, then Latin-1: \xe9", b"\n"),
        (b"\xff\xfe" + "# in UTF-16".encode("utf-16-le"), "\r\n".encode("utf-16-le")),
        (b"\xfe\xff" + "# in UTF-16".encode("utf-16-be"), b"\n"),
        ("# \u5927\u304d\u3055".encode("shift_jis"), b"\r"),
        (b"\xef\xbb\xbf", b""),  # the mark alone
    ],
)
def test_a_comment_in_a_cfg_may_be_in_any_encoding(
    comment: bytes, end: bytes, colour_model: Path
) -> None:
    cfg = colour_model / "colours.cfg"
    cfg.write_bytes(comment + end + cfg.read_bytes())

    assert load_model(LocalFolder(colour_model), Settings()).labels == LABELS


def test_a_comment_behind_an_option_may_be_in_any_encoding(colour_model: Path) -> None:
    cfg = colour_model / "colours.cfg"
    cfg.write_bytes(cfg.read_bytes().replace(b"channels=3", b"channels=3 # f\xfcr RGB"))

    assert load_model(LocalFolder(colour_model), Settings()).labels == LABELS


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_a_whole_cfg_in_utf_16_is_refused_with_the_conversion(
    encoding: str, colour_model: Path
) -> None:
    cfg = colour_model / "colours.cfg"
    cfg.write_bytes(("\ufeff# a comment\n" + cfg.read_text()).encode(encoding))

    with pytest.raises(ModelError, match=r"convert it: iconv -f UTF-16 -t UTF-8 colours\.cfg"):
        load_model(LocalFolder(colour_model), Settings())


def test_an_option_in_another_encoding_is_refused_with_its_line(colour_model: Path) -> None:
    cfg = colour_model / "colours.cfg"
    text = cfg.read_bytes().replace(b"num=1", b"map=f\xfcr.map")
    cfg.write_bytes(b"# caf\xe9\n" + text)

    with pytest.raises(ModelError, match=r"colours\.cfg .*: line 22, 'map=f\\xfcr\.map', has"):
        load_model(LocalFolder(colour_model), Settings())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            b"red\r\ngr\xfcn\r\n",
            "colours.names is not a text file in UTF-8: line 2, 'gr\\xfcn', has the byte 0xfc at "
            "position 3; convert it, from ISO-8859-1 or whichever encoding it has: "
            "iconv -f ISO-8859-1 -t UTF-8 colours.names > converted && mv converted colours.names",
        ),
        (
            "r\xf6d\n\u201cgreen\u201d\n".encode("cp1252"),
            "line 1, 'r\\xf6d', has the byte 0xf6 at position 2; convert it, from WINDOWS-1252",
        ),
        (
            "red\ngreen\n".encode("utf-16"),
            "line 1, '\\xff\\xfer\\0e\\0d\\0', has the byte 0xff at position 1; convert it: "
            "iconv -f UTF-16 -t UTF-8 colours.names",
        ),
        (
            "red\ngreen\n".encode("utf-16-le"),
            "line 1 has a NUL byte; if it is UTF-16, convert it: iconv -f UTF-16LE -t UTF-8 col",
        ),
        (b"\x89PNG\0\xff", "the byte 0x89 at position 1, and the file has NUL bytes; is it a text"),
        (b"\xef\xbb\xbfred\ngr\xfcn", "line 2, 'gr\\xfcn', has the byte 0xfc at position 3"),
    ],
)
def test_names_in_another_encoding_are_refused_with_the_line_and_a_conversion(
    data: bytes, message: str, colour_model: Path
) -> None:
    (colour_model / "colours.names").write_bytes(data)

    with pytest.raises(ModelError) as error:
        load_model(LocalFolder(colour_model), Settings())

    assert message in str(error.value)


def test_the_conversion_in_the_message_makes_the_names_readable(colour_model: Path) -> None:
    names = colour_model / "colours.names"
    names.write_bytes("r\xf6d\ngr\xfcn\n".encode("latin-1"))
    with pytest.raises(ModelError) as error:
        load_model(LocalFolder(colour_model), Settings())

    command = str(error.value)[str(error.value).index("iconv") :]
    subprocess.run(["bash", "-c", command], cwd=colour_model, check=True)

    assert load_model(LocalFolder(colour_model), Settings()).labels == ("r\xf6d", "gr\xfcn")
    assert not (colour_model / "converted").exists()


def test_a_txt_is_not_read_next_to_names(colour_model: Path) -> None:
    before = load_model(LocalFolder(colour_model), Settings())
    (colour_model / "LICENSE.txt").write_text("Some licence\n")
    (colour_model / "requirements.txt").write_bytes(b"\xff\xfe")

    model = load_model(LocalFolder(colour_model), Settings())

    assert (model.labels, model.digest) == (LABELS, before.digest)


def test_several_txts_without_names_are_refused_with_what_would_tell(colour_model: Path) -> None:
    (colour_model / "colours.names").rename(colour_model / "classes.txt")
    (colour_model / "LICENSE.txt").write_text("a\nb\n")

    with pytest.raises(
        ModelError,
        match=r"no \*\.names, and 2 files \*\.txt \(LICENSE\.txt, classes\.txt\); rename the one "
        r"that has the names of the classes to \*\.names",
    ):
        load_model(LocalFolder(colour_model), Settings())


def test_a_txt_that_is_no_list_of_names_is_refused(colour_model: Path) -> None:
    (colour_model / "colours.names").unlink()
    (colour_model / "LICENSE.txt").write_text("The licence\n\nYou may use it.\n")

    with pytest.raises(
        ModelError, match=r"LICENSE\.txt is not a list of class names, one a line: line 2 is empty"
    ):
        load_model(LocalFolder(colour_model), Settings())


def test_class_ids_are_those_of_the_setting_classes(colour_model: Path) -> None:
    model = load_model(LocalFolder(colour_model), Settings(classes=("green",)))

    assert model.class_ids == (1,)


def test_an_unknown_class_in_the_settings_is_an_error_that_names_it(colour_model: Path) -> None:
    with pytest.raises(ModelError, match=r"CLASSES names 'blue', .* red, green"):
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
