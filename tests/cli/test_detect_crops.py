"""`detect --crops`: each object is a file in a folder of its class; no other file is touched."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from modules.cli import crop_folder, main
from modules.object_detection.images import decode_image
from modules.results.crops.mark import read_mark
from tests.cli.detecting import Detect, image, tree, write
from tests.colour_model import write_colour_model

BOTH = image(red=(2, 5), green=(6, 1))


def crops(folder: str = "crops") -> set[str]:
    return {str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file()}


def colour(path: str) -> str:
    """The colour of a crop of one square, by its middle value in each channel."""
    pixels = decode_image(Path("crops", path).read_bytes(), max_pixels=10_000).pixels
    assert pixels.shape == (8, 8, 3)
    blue, green, red = (int(value) for value in np.median(pixels.reshape(-1, 3), axis=0))
    assert blue < 10
    return {(True, False): "red", (False, True): "green"}[red > 245, green > 245]


def break_writing(monkeypatch: pytest.MonkeyPatch, number: int, message: str) -> None:
    """Makes every new file fail with an OSError."""

    def fail(*_: object) -> None:
        raise OSError(number, message)

    monkeypatch.setattr("modules.cli.output_files.os.link", fail)


def test_each_object_is_a_file_in_the_folder_of_its_class(detect: Detect) -> None:
    write("photos/deep/a.png", BOTH)
    write("photos/b.png", image())

    run = detect("photos", "--crops", "crops")

    assert run.code == 0
    assert "3 crops in crops" in run.err
    assert crops() == {"red/deep~a.png_0.jpg", "green/deep~a.png_1.jpg", "red/b.png_0.jpg"}
    assert colour("red/deep~a.png_0.jpg") == "red"
    assert colour("green/deep~a.png_1.jpg") == "green"
    assert len(run.out.splitlines()) == 2


def test_nothing_is_drawn_on_a_crop_and_the_annotated_image_is_as_without(detect: Detect) -> None:
    write("a.png", BOTH)
    detect("a.png", "--output", "boxed")
    before = tree("boxed")["boxed/a.png"]

    run = detect("a.png", "--output", "boxed", "--crops", "crops")

    assert run.code == 0
    assert tree("boxed")["boxed/a.png"] == before
    assert [colour(path) for path in sorted(crops())] == ["green", "red"]


def test_crops_are_upright(detect: Detect, tmp_path: Path) -> None:
    upright = cv2.imdecode(np.frombuffer(image(red=(2, 5)), np.uint8), cv2.IMREAD_COLOR)
    upright[40:44, 16:24] = (60, 60, 255)  # the upper half of the square is lighter
    from PIL import Image

    stored = Image.fromarray(np.ascontiguousarray(np.rot90(upright))[..., ::-1])
    exif = stored.getexif()
    exif[0x0112] = 6  # turn it clockwise
    stored.save("a.png", exif=exif)

    assert detect("a.png", "--crops", "crops").code == 0

    (path,) = crops()
    pixels = decode_image(Path("crops", path).read_bytes(), max_pixels=100).pixels
    assert pixels[:3].mean() > pixels[5:].mean() + 20


def test_confidence_and_classes_choose_the_crops(
    detect: Detect, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("a.png", image(red=(2, 5), green=(6, 1), yellow=(1, 1)))

    detect("a.png", "--crops", "low", "--confidence", "0.3")
    detect("a.png", "--crops", "high", "--confidence", "0.9")
    monkeypatch.setenv("CLASSES", "green")
    detect("a.png", "--crops", "green")

    assert {path.split("/")[0] for path in crops("low")} == {"red", "green"}
    assert len(crops("low")) == 3
    assert len(crops("high")) == 2
    assert {path.split("/")[0] for path in crops("green")} == {"green"}


def test_a_second_run_writes_equal_files_and_does_not_touch_them(detect: Detect) -> None:
    write("a.png", BOTH)
    detect("a.png", "--crops", "crops")
    before = {path: Path("crops", path).stat() for path in crops()}
    contents = tree("crops")

    assert detect("a.png", "--crops", "crops").code == 0

    assert tree("crops") == contents
    assert {path: Path("crops", path).stat().st_ino for path in crops()} == {
        path: state.st_ino for path, state in before.items()
    }


def test_crops_of_objects_that_are_gone_are_deleted(detect: Detect) -> None:
    write("a.png", BOTH)
    write("b.png", image())
    detect("a.png", "b.png", "--crops", "crops")
    write("a.png", image(green=(6, 1)))

    assert detect("a.png", "--crops", "crops").code == 0

    assert crops() == {"green/a.png_0.jpg", "red/b.png_0.jpg"}


def test_an_image_that_fails_keeps_its_crops(detect: Detect) -> None:
    write("a.png")
    detect("a.png", "--crops", "crops")
    write("a.png", b"no image")

    assert detect("a.png", "--crops", "crops").code == 1
    assert crops() == {"red/a.png_0.jpg"}


@pytest.mark.parametrize("change", ["foreign", "changed", "another image", "link", "folder"])
def test_a_file_of_somebody_else_is_kept_and_the_image_fails(
    change: str, detect: Detect, tmp_path: Path
) -> None:
    write("a.png", BOTH)
    taken = Path("crops/red/a.png_0.jpg")
    expected = "was not written by this command"
    if change == "foreign":
        write(str(taken), b"mine")
    elif change == "link":
        write("mine.jpg")
        taken.parent.mkdir(parents=True)
        taken.symlink_to(Path("mine.jpg").absolute())
    elif change == "folder":
        taken.mkdir(parents=True)
        expected = "is a folder"
    elif change == "changed":
        detect("a.png", "--crops", "crops")
        Path("crops/green/a.png_1.jpg").unlink()
        taken.write_bytes(taken.read_bytes() + b"x")
    else:
        write("other/a.png", image(red=(3, 3)))
        detect("other/a.png", "--crops", "crops")
        expected = "is a crop of another image, other/a.png"
    before = tree()

    run = detect("a.png", "--crops", "crops")

    assert (run.code, run.out) == (1, "")
    assert f"a.png: crops/red/a.png_0.jpg {expected}" in run.err
    assert tree() == before
    if change != "folder":
        assert "--overwrite" in run.err
        assert detect("a.png", "--crops", "crops", "--overwrite").code == 0
        assert colour("red/a.png_0.jpg") == "red"


def test_a_crop_that_was_changed_is_not_deleted(detect: Detect) -> None:
    write("a.png", BOTH)
    detect("a.png", "--crops", "crops")
    mine = Path("crops/green/a.png_1.jpg")
    mine.write_bytes(mine.read_bytes() + b"x")
    write("a.png", image(red=(2, 5)))

    assert detect("a.png", "--crops", "crops").code == 0
    assert mine.exists()


def test_no_input_is_overwritten_or_deleted(detect: Detect) -> None:
    write("a.png", BOTH)
    detect("a.png", "--crops", "crops")
    own = Path("crops/red/a.png_0.jpg")
    write(str(own), image(".jpg"))

    run = detect("a.png", own, "--crops", "crops", "--overwrite")

    assert run.code == 1
    assert f"{own} is an input, or another name of one" in run.err
    assert own.read_bytes() == image(".jpg")


def test_images_of_one_name_in_different_folders_have_crops_of_their_own(detect: Detect) -> None:
    for name in ("x/a.png", "y/a.png", "y/z/a.png"):
        write(name)

    assert detect("x/a.png", "y", "--crops", "crops").code == 0

    assert crops() == {
        "red/x~a.png_0.jpg",
        "red/y~a.png_0.jpg",
        "red/y~z~a.png_0.jpg",
    }
    assert detect("x/a.png", "y", "--crops", "crops").code == 0
    assert len(crops()) == 3


def test_an_image_that_is_named_twice_has_its_crops_once(detect: Detect) -> None:
    write("a.png")

    assert detect("a.png", "./a.png", "--crops", "crops").code == 0
    assert crops() == {"red/a.png_0.jpg"}


def test_crops_in_a_searched_folder_are_no_images(detect: Detect) -> None:
    write("photos/a.png")
    detect("photos", "--crops", "photos/crops")
    write("photos/crops/red/mine.png")

    run = detect("photos", "--crops", "photos/crops")

    assert run.code == 0
    assert run.keys == ["photos/a.png", "photos/crops/red/mine.png"]
    assert "1 results of earlier runs in the output folder left out" in run.err


@pytest.mark.parametrize(
    ("labels", "folders"),
    [
        (("a/b", ".."), {"a~b", "%2E%2E"}),
        (("con", "Zürich 犬"), {"%63on", "Zürich 犬"}),
        (("same", "same"), {"same"}),
        (("../../escaped", "/var/escaped"), {"%2E.~..~escaped", "~var~escaped"}),
        (("x" * 300, "x" * 301), None),
    ],
)
def test_no_label_leads_out_of_the_folder(
    labels: tuple[str, str],
    folders: set[str] | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = write_colour_model(tmp_path / "odd")
    (model / "colours.names").write_text("\n".join(labels) + "\n")
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path / "home")
    write("a.png", BOTH)

    assert main(["detect", "a.png", "--model", str(model), "--crops", "crops"]) == 0

    found = crops()
    assert len(found) == 2
    assert {path.count("/") for path in found} == {1}
    if folders is not None:
        assert {path.split("/")[0] for path in found} == folders
    assert {path for path in tree(str(tmp_path)) if "escaped" in Path(path).name} == set()


def test_classes_that_would_share_a_folder_are_refused_where_names_ignore_case(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = write_colour_model(tmp_path / "odd")
    (model / "colours.names").write_text("Dog\ndog\n")
    monkeypatch.chdir(tmp_path)
    write("a.png", BOTH)
    monkeypatch.setattr(crop_folder, "ignores_case", lambda folder: True)

    code = main(["detect", "a.png", "--model", str(model), "--crops", "crops"])

    assert code == 1
    assert "the crops of the classes Dog and dog would be in one folder" in capsys.readouterr().err
    assert not Path("crops").exists()


def test_names_that_are_no_utf_8_are_escaped(detect: Detect) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    try:
        write(name)
    except OSError:
        pytest.skip("this file system allows only UTF-8")

    assert detect(name, "--crops", "crops").code == 0
    assert crops() == {"red/caf%E9.png_0.jpg"}


def test_a_crop_is_written_whole_or_not_at_all(
    detect: Detect, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("a.png", BOTH)

    break_writing(monkeypatch, errno.EIO, "Input/output error")

    run = detect("a.png", "--crops", "crops")

    assert run.code == 1
    assert "crops/red/a.png_0.jpg cannot be written: Input/output error" in run.err
    assert crops() == set()


def test_a_full_disk_stops_the_run(detect: Detect, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        write(f"photos/{number}.png")

    break_writing(monkeypatch, errno.ENOSPC, "No space left on device")

    run = detect("photos", "--crops", "crops")

    assert run.code == 1
    assert "No space left on device; stopped, 3 of 3 images are not done" in run.err
    assert crops() == set()


@pytest.mark.parametrize("target", ["file", "s3://bucket/crops"])
def test_a_place_that_cannot_hold_crops_is_refused_before_the_run(
    target: str, detect: Detect
) -> None:
    write("a.png")
    write("file", b"mine")
    before = tree()

    run = detect("a.png", "--crops", target)

    assert (run.code, run.out) == (2, "")
    assert target in run.err
    assert tree() == before


def test_the_crops_of_real_photos_are_where_their_boxes_are(
    shared: Callable[[str], Path], tmp_path: Path
) -> None:
    model, photo = shared("models/yolo-fastest-1.1-xl"), shared("photos/dog.jpg")

    assert main(["detect", str(photo), "--model", str(model), "--crops", str(tmp_path)]) == 0

    pixels = decode_image(photo.read_bytes(), max_pixels=10**7).pixels
    found = sorted(tmp_path.rglob("*.jpg"))
    assert "dog" in {path.parent.name for path in found}
    for path in found:
        data = path.read_bytes()
        facts = read_mark(data)
        assert facts is not None
        assert facts["label"] == path.parent.name
        x, y, width, height = (facts["box"][side] for side in ("x", "y", "width", "height"))
        part = pixels[round(y) : round(y + height), round(x) : round(x + width)]
        crop = decode_image(data, max_pixels=10**7).pixels
        assert np.abs(crop.astype(int) - part).mean() < 3
