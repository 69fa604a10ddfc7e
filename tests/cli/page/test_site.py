"""Uploads, failures and the model, as the page uses them."""

from pathlib import Path

import cv2
import pytest

from modules.errors import ImageError, ObjectChangedError, ObjectGoneError, UsageError
from tests.cli.page.conftest import Served
from tests.colour_model import picture, write_colour_model


def jpeg(**cells: tuple[int, int]) -> bytes:
    return bytes(cv2.imencode(".png", picture(**cells))[1])


def test_an_upload_keeps_its_folders(served: Served) -> None:
    uploaded = served.site.upload("holiday/day 1/a.png", jpeg(red=(1, 1)))
    assert uploaded["key"] == "input/holiday/day 1/a.png"


@pytest.mark.parametrize("name", ["../../models/a.png", "/a.png", "./a.png", "x/../a.png"])
def test_no_name_leaves_the_input_prefix(served: Served, name: str) -> None:
    key = served.site.upload(name, jpeg(red=(1, 1)))["key"]
    assert key.startswith("input/")
    assert ".." not in key


@pytest.mark.parametrize("name", ["", "/", "..", "a\0.png"])
def test_a_picture_without_a_usable_name_is_refused(served: Served, name: str) -> None:
    with pytest.raises(UsageError, match="needs a name"):
        served.site.upload(name, jpeg(red=(1, 1)))


def test_another_picture_of_the_same_name_replaces_nothing(served: Served) -> None:
    first = served.site.upload("a.png", jpeg(red=(1, 1)))
    second = served.site.upload("a.png", jpeg(red=(2, 2)))
    again = served.site.upload("a.png", jpeg(red=(1, 1)))
    assert second["key"] != first["key"]
    assert again["key"] == first["key"]
    assert again["was_there"]


def test_what_is_no_picture_or_too_large_is_not_uploaded(served: Served) -> None:
    with pytest.raises(ImageError, match="a text file"):
        served.site.upload("notes.jpg", b"some words\n")
    with pytest.raises(ImageError, match="at most 200,000 are allowed"):
        served.site.upload("large.jpg", bytes(200_001))
    assert served.keys("input/") == []


def test_a_replaced_original_is_not_shown_under_the_old_boxes(served: Served) -> None:
    old = served.site.upload("a.png", jpeg(red=(1, 1)))
    client = served.client
    client.put_object(Bucket=served.site.bucket, Key=old["key"], Body=jpeg(green=(1, 1)))
    with pytest.raises(ObjectChangedError):
        served.site.original(old["key"], old["etag"])


def test_a_deleted_original_is_named(served: Served) -> None:
    with pytest.raises(ObjectGoneError, match=r"there is no s3://pictures/input/gone\.jpg"):
        served.site.original("input/gone.jpg", None)


def test_another_model_of_the_bucket_can_be_chosen(served: Served, tmp_path: Path) -> None:
    other = write_colour_model(tmp_path / "other")
    for file in other.iterdir():
        served.bucket.client.upload_file(str(file), served.site.bucket, f"models/other/{file.name}")
    assert served.site.model()["folders"] == ["models/colours/", "models/other/"]
    served.site.choose("models/other/")
    assert served.site.model()["current"] == "models/other/"
    with pytest.raises(UsageError, match="models/none/ is no model folder"):
        served.site.choose("models/none/")
    served.site.choose("models/colours/")
