"""Objects of every kind that people drop, and how a bucket answers them; start at `answers`."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path
from typing import Any

import cv2
from PIL import Image

from tests.colour_model import picture


def _image(suffix: str) -> bytes:
    return bytes(cv2.imencode(suffix, picture(red=(2, 5)))[1])


def _by_pillow(kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image = Image.fromarray(picture(red=(2, 5))[..., ::-1])
    image.save(out, kind, **options)
    return out.getvalue()


# Made by pillow-heif, whose wheel contains an encoder under the GPL: it cannot be installed here.
# The second one is stored on its side
_HEIC, _TURNED_HEIC = (
    (Path(__file__).parent / "pictures" / name).read_bytes()
    for name in ("plain.heic", "orientation-6.heic")
)
_JPEG, _PNG = _image(".jpg"), _image(".png")
_MPO = _by_pillow("MPO", save_all=True, append_images=[Image.new("RGB", (64, 64))])

# Readable images: each one has a result, whatever its name, which comes back in the same format
SAME_FORMAT = {
    "input/a.Jpg": _JPEG,
    "input/a.jfif": _JPEG,
    "input/a.jpe": _JPEG,
    "input/a.mpo": _MPO,
    "input/no extension": _JPEG,
    "input/png as.txt": _PNG,
    "input/a.tar.gz/é+ü": _PNG,
    "input/folder with content/": _PNG,
}
# These come back as JPEG, under their key and .jpg
AS_JPEG = {
    "input/a.heic": _HEIC,
    "input/IMG_1.HEIC": _TURNED_HEIC,
    "input/heic as.jpg": _HEIC,
    "input/a.avif": _by_pillow("AVIF", quality=100, subsampling="4:4:4"),
    "input/a.jp2": _by_pillow("JPEG2000"),
    "input/b.j2k": _by_pillow("JPEG2000", no_jp2=True),
    "input/a.gif": _by_pillow("GIF", save_all=True, append_images=[Image.new("RGB", (64, 64))]),
    "input/a.ppm": _by_pillow("PPM"),
}
IMAGES = {**SAME_FORMAT, **AS_JPEG}
# Each one has a record, and the words that are in its message
NO_IMAGES = {
    "input/notes.txt": (b"hello", "a text file, not a supported image"),
    "input/archive.zip": (b"PK\x03\x04" + bytes(99), "a ZIP archive"),
    "input/.DS_Store": (b"\0\0\0\x01Bud1" + bytes(99), "a file of an unknown kind"),
    "input/empty": (b"", "empty"),
    "input/cut off.heic": (_HEIC[:300], "HEIF that cannot be read"),
    "input/cut off.avif": (
        b"\0\0\0\x18ftypavif\0\0\0\0avifmif1" + bytes(99),
        "AVIF that cannot be read",
    ),
    "input/a.json": (b"{}", "must not end in .json"),
    "input/an image.json": (_PNG, "must not end in .json"),
    "input/text in a folder/": (b"hello", "a text file, not a supported image"),
}
# A console makes these to show a folder
FOLDER_MARKERS = ["input/", "input/new folder/"]
ANSWERED = [*IMAGES, *NO_IMAGES]


def drop_all(storage: Any, bucket: str) -> None:
    """Puts every object into a bucket, and each of some objects twice."""
    for key in FOLDER_MARKERS:
        storage.put_object(Bucket=bucket, Key=key, Body=b"")
    for key, data in IMAGES.items():
        storage.put_object(Bucket=bucket, Key=key, Body=data)
    for key, (data, _) in NO_IMAGES.items():
        storage.put_object(Bucket=bucket, Key=key, Body=data)
    for key in ("input/a.Jpg", "input/folder with content/"):
        storage.put_object(Bucket=bucket, Key=key, Body=IMAGES[key])


def wait_for_answers(storage: Any, bucket: str, seconds: float = 600) -> None:
    """Waits until each object has an answer."""
    names = {key.removeprefix("input/") for key in ANSWERED}
    waiting = {f"{prefix}/{name}.json" for prefix in ("output", "failed") for name in names}
    end = time.monotonic() + seconds
    while (found := len(waiting & set(_keys(storage, bucket)))) < len(names):
        assert time.monotonic() < end, f"{found} of {len(names)} answers: {_keys(storage, bucket)}"
        time.sleep(0.2)


def answers(storage: Any, bucket: str) -> dict[str, Any]:
    """Returns everything under the output and failed prefixes, without what differs by bucket.

    The value of an annotated image is its media type; of a document, its detections, its image's
    size and what it says of the annotated image; and of a record, its error.
    """
    found: dict[str, Any] = {}
    for key in _keys(storage, bucket):
        if not key.startswith(("output/", "failed/")):
            continue
        answer = storage.get_object(Bucket=bucket, Key=key)
        if answer["ContentType"] != "application/json":
            found[key] = answer["ContentType"]
            continue
        document = json.loads(answer["Body"].read())
        found[key] = document.get("error") or {
            "detections": [(item["label"], item["box"]) for item in document["detections"]],
            "size": (document["image"]["width"], document["image"]["height"]),
            "annotated": document["annotated"],
        }
    return found


def check_answers(found: dict[str, Any]) -> None:
    """Asserts that each object has exactly one answer, the right one, and folder markers none."""
    for key in IMAGES:
        name = key.removeprefix("input/")
        document = found[f"output/{name}.json"]
        ((label, box),) = document["detections"]
        assert (label, box["x"], box["y"]) == ("red", 16.0, 40.0), key
        assert document["size"] == (64, 64), key
        annotated = document["annotated"]
        assert annotated["key"] == f"output/{name}{'.jpg' if key in AS_JPEG else ''}"
        assert annotated["media_type"] == found[annotated["key"]]
        assert key not in AS_JPEG or annotated["media_type"] == "image/jpeg"
        assert f"failed/{name}.json" not in found
    for key, (_, words) in NO_IMAGES.items():
        name = key.removeprefix("input/")
        assert words in found[f"failed/{name}.json"]["message"], key
        assert f"output/{name}.json" not in found
    answered = [key for key in found if key.endswith(".json")]
    assert len(answered) == len(ANSWERED)


def _keys(storage: Any, bucket: str) -> list[str]:
    return [item["Key"] for item in storage.list_objects_v2(Bucket=bucket).get("Contents", ())]
