"""DRAW=blur and DRAW=pixelate: nobody finds in the annotated image what the network found."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL.Image
import pytest

from modules.errors import ImageError
from modules.models.folder import LocalFolder
from modules.models.loader import Model, load_model
from modules.object_detection.images import decode_image
from modules.results import pipeline
from modules.results.pipeline import draw, process
from modules.settings import Settings
from modules.telemetry.timings import Timings
from tests.colour_model import picture, write_colour_model

KINDS = ("blur", "pixelate")
SECRET = b"SECRETSECRET"


def redacted(data: bytes, model: Model, settings: Settings) -> bytes:
    result = process(data, model, settings, Timings())
    drawn = draw(result, model, settings, Timings())
    assert drawn is not None
    return drawn


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["yolo-fastest-1.1-xl", "yolox-nano"])
def test_a_second_run_finds_no_person_that_was_hidden(
    shared: Callable[[str], Path], name: str, kind: str
) -> None:
    settings = Settings(draw=kind, classes=("person",))
    model = load_model(LocalFolder(shared(f"models/{name}")), settings)
    labels = shared("coco128/labels")  # 0 is a person
    found = left = 0
    for photo in sorted(shared("coco128/images").glob("*.jpg")):
        known = labels / f"{photo.stem}.txt"
        if not known.exists() or known.read_text().count("\n0 ") < 8:
            continue
        data = photo.read_bytes()
        result = process(data, model, settings, Timings())
        found += len(result.detections)
        drawn = draw(result, model, settings, Timings())
        assert drawn is not None
        again = process(drawn, model, settings, Timings())
        assert again.image.pixels.shape == result.image.pixels.shape
        left += len(again.detections)

    assert found >= 25
    assert left == 0


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load_model(
        LocalFolder(write_colour_model(tmp_path_factory.mktemp("model") / "colours")), Settings()
    )


def png(**cells: tuple[int, int]) -> bytes:
    return bytes(cv2.imencode(".png", picture(**cells))[1])


@pytest.mark.parametrize("kind", KINDS)
def test_an_object_of_one_colour_which_no_average_hides_becomes_grey(
    colours: Model, kind: str
) -> None:
    image = picture(white=(6, 7))
    image[:40] = (0, 0, 255)

    drawn = redacted(bytes(cv2.imencode(".png", image)[1]), colours, Settings(draw=kind))

    pixels = decode_image(drawn, max_pixels=64 * 64).pixels
    assert (pixels[:24] == 128).all()
    assert (pixels[57:, 48:56] == 255).all()  # nothing was found there
    assert len(process(drawn, colours, Settings(), Timings()).detections) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_classes_that_are_kept_are_hidden(
    colours: Model, kind: str, tmp_path: Path
) -> None:
    settings = Settings(draw=kind, classes=("red",))
    model = load_model(LocalFolder(write_colour_model(tmp_path / "colours")), settings)

    pixels = decode_image(redacted(png(red=(2, 5), green=(6, 1)), model, settings), max_pixels=4096)

    assert (pixels.pixels[8:16, 48:56] == (0, 255, 0)).all()
    assert_hidden(pixels.pixels[40:48, 16:24])


def assert_hidden(region: Any) -> None:
    """Checks that nothing in a region is as red as the object that was there."""
    assert np.abs(region.astype(int) - (0, 0, 255)).max(axis=2).min() > 60


def hidden_texts(name: str) -> dict[str, Any]:
    """Returns what Pillow writes into a file of this format beside the pixels: the secret."""
    exif = PIL.Image.Exif()
    exif[0x010E] = SECRET.decode()  # ImageDescription
    exif[0x0112] = 6  # Orientation: turn right
    known: dict[str, dict[str, Any]] = {
        "jpeg": {"exif": exif, "comment": SECRET, "xmp": b"<x>" + SECRET},
        "png": {"exif": exif},
        "webp": {"exif": exif, "xmp": b"<x>" + SECRET, "lossless": True},
        "tiff": {"description": SECRET.decode(), "software": SECRET.decode()},
        "avif": {"exif": exif, "xmp": b"<x>" + SECRET},
    }
    return known.get(name, {})


def with_secret(name: str) -> bytes:
    """Makes a file with a red square, which has the secret in all its metadata, and after its end.

    Its second page or frame, where the format has any, shows a green square.
    """
    first, second = (
        PIL.Image.fromarray(np.ascontiguousarray(image[..., ::-1]))
        for image in (picture(red=(2, 5)), picture(green=(6, 1)))
    )
    file = io.BytesIO()
    more: dict[str, Any] = hidden_texts(name)
    if name in ("gif", "png", "webp", "tiff"):
        more |= {"save_all": True, "append_images": [second]}
    first.save(file, name, **more)
    return file.getvalue() + SECRET


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["jpeg", "png", "webp", "tiff", "bmp", "gif", "avif", "jpeg2000"])
def test_nothing_of_the_file_but_its_pixels_comes_back(
    colours: Model, name: str, kind: str
) -> None:
    data = with_secret(name)
    assert SECRET in data

    drawn = redacted(data, colours, Settings(draw=kind))

    for text in (SECRET, b"Exif", b"ns.adobe", b"ICC_PROFILE", b"iCCP", b"tEXt", b"XMP ", b"ANIM"):
        assert text not in drawn
    with PIL.Image.open(io.BytesIO(drawn)) as opened:
        assert getattr(opened, "n_frames", 1) == 1
        assert not opened.getexif().get_ifd(0x8769)
        known = {"jfif", "jfif_version", "jfif_unit", "jfif_density", "compression", "dpi"}
        known |= {"resolution", "loop", "background", "timestamp", "duration"}
        assert set(opened.info) <= known
    assert len(process(drawn, colours, Settings(confidence=0.3), Timings()).detections) == 0


def test_the_thumbnail_and_preview_of_a_camera_do_not_come_back(colours: Model) -> None:
    thumbnail = bytes(cv2.imencode(".jpg", picture(red=(2, 5)))[1])
    exif = b"Exif\0\0MM\0*\0\0\0\x08" + b"\0\0" + b"\0\0\0\x1a" + b"\0" * 12 + thumbnail
    main = bytes(cv2.imencode(".jpg", picture(red=(2, 5)))[1])
    segment = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    data = main[:2] + segment + main[2:] + thumbnail

    drawn = redacted(data, colours, Settings(draw="blur"))

    assert thumbnail[:200] not in drawn
    assert drawn.count(b"\xff\xd8\xff") == 1


@pytest.mark.parametrize("mode", ["RGBA", "LA", "I;16"])
def test_what_transparency_hides_and_what_has_16_bits_is_hidden_too(
    colours: Model, mode: str
) -> None:
    image = picture(red=(2, 5))
    if mode == "RGBA":
        stored = np.dstack([image, np.zeros((64, 64), np.uint8)])  # nothing of it can be seen
    elif mode == "I;16":
        stored = image.astype(np.uint16) * 257
    else:
        stored = np.dstack([image, np.full((64, 64), 255, np.uint8)])
    data = bytes(cv2.imencode(".png", stored)[1])
    assert len(process(data, colours, Settings(), Timings()).detections) == 1

    drawn = redacted(data, colours, Settings(draw="pixelate"))

    with PIL.Image.open(io.BytesIO(drawn)) as opened:
        assert opened.mode == "RGB"
        assert_hidden(np.array(opened)[40:48, 16:24, ::-1])


def test_a_large_jpeg_that_is_encoded_in_strips_is_redacted_in_all_of_them(colours: Model) -> None:
    large = cv2.resize(picture(red=(2, 5)), (2400, 2400), interpolation=cv2.INTER_NEAREST)
    data = bytes(cv2.imencode(".jpg", large)[1])

    threads = cv2.getNumThreads()
    cv2.setNumThreads(4)
    try:
        drawn = redacted(data, colours, Settings(draw="blur"))
    finally:
        cv2.setNumThreads(threads)

    pixels = decode_image(drawn, max_pixels=2400 * 2400).pixels
    assert pixels.shape == (2400, 2400, 3)
    assert_hidden(pixels[1510:1790, 610:890])


@pytest.mark.parametrize("where", ["redact", "encode_image", "detect"])
def test_nothing_comes_back_if_hiding_fails(
    colours: Model, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    settings = Settings(draw="blur")
    result = process(png(red=(2, 5)), colours, settings, Timings())

    def fail(*_: object, **__: object) -> None:
        raise ImageError("broken on purpose")

    if where == "redact":
        monkeypatch.setattr("modules.object_detection.redact.cv2.resize", fail)
    elif where == "detect":
        monkeypatch.setattr(pipeline, "find_objects", fail)
    else:
        monkeypatch.setattr(pipeline, "encode_image", fail)

    with pytest.raises(ImageError, match="on purpose"):
        draw(result, colours, settings, Timings())


def test_none_draws_and_encodes_nothing(colours: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(draw="none")
    result = process(png(red=(2, 5)), colours, settings, Timings())
    before = result.image.pixels.copy()
    monkeypatch.delattr(pipeline, "encode_image")

    assert draw(result, colours, settings, Timings()) is None
    assert np.array_equal(result.image.pixels, before)
