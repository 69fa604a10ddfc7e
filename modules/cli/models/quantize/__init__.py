"""Write a model whose network computes with integers of 8 bits.

The first convolution and the heads stay in float; ONNX Runtime finds the ranges of the values
between the other layers in a quarter of the pictures. The other pictures show what is lost. With
--labels, that is the accuracy (mAP) against the labels; without, how far the new network finds what
the network in float finds. Nothing is written if the mAP falls by more than 0.01, or if the new
network is not faster on this machine. The exit code is then 1. OUT has the other files of the
model, too, and runs with ENGINE=auto or onnxruntime; OpenCV computes such networks wrongly and
refuses them.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ....errors import ModelError, UsageError
from ....storage.local_files import TEMPORARY_SUFFIX
from ...local_images import LocalImage, find_images
from ...printing import print_json, printable
from ...samples import find_model

if TYPE_CHECKING:
    from ..compare.truth import Truth

EXAMPLE = "python -m modules models quantize yolov4-tiny yolov4-tiny-int8 --images photos"
_PACKAGES = ("onnx", "onnxruntime")
_LEAST_PICTURES = 8
_SHARE = 4  # one picture in this many is for the ranges
_MOST_FOR_RANGES, _MOST_MEASURED = 64, 500


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the action's arguments to `parser`."""
    parser.add_argument("model", metavar="DIR", help="a model folder, or a name of the zoo")
    parser.add_argument("out", type=Path, metavar="OUT", help="the folder to write; must not exist")
    parser.add_argument(
        "--images",
        nargs="+",
        required=True,
        metavar="FOLDER",
        help=f"folders with {_LEAST_PICTURES} pictures or more, like those to be searched later",
    )
    parser.add_argument(
        "--labels",
        type=Path,
        metavar="DIR",
        help="measure the accuracy with these labels in YOLO's format: DIR/a/b.txt for "
        "FOLDER/a/b.jpg; a picture without a file has no objects",
    )
    parser.add_argument(
        "--allow-slower",
        action="store_true",
        help="write the model even if it is not faster on this machine: for another machine",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(arguments: argparse.Namespace) -> int:
    """Writes the folder, whole or not at all, and prints what is gained; returns 1 if nothing is.

    Raises:
        UsageError: OUT exists; there are too few pictures or no labels; a package is missing.
        ModelError: the network cannot be quantised.
    """
    _require_packages()
    out: Path = arguments.out
    if out.exists() or out.is_symlink():
        raise UsageError(f"{printable(str(out))} exists already; name a new folder")
    path = find_model(arguments.model)
    if path in (parent := out.absolute().parent, *parent.parents):
        raise UsageError(f"{printable(str(out))} is inside the model's folder; choose another")
    images = find_images(arguments.images).images
    if len(images) < _LEAST_PICTURES:
        raise UsageError(
            f"there are {len(images)} pictures in {', '.join(map(printable, arguments.images))}; "
            f"{_LEAST_PICTURES} or more are needed"
        )
    # Imported here, so that the commands that do not quantise start without them
    from .report import describe, print_report
    from .search import search
    from .source import read_source

    source = read_source(path)
    truth = _truth(arguments.labels, images, source.model.labels)
    with _staging(out) as folder:
        found = search(
            source, folder, *_split(images), truth=truth, allow_slower=arguments.allow_slower
        )
        if not found.reasons:
            folder.rename(out)
    document = describe(found, source, out)
    if arguments.json:
        print_json(json.dumps(document, ensure_ascii=False))
    else:
        print_report(document)
    if found.reasons:
        raise ModelError(f"{printable(str(out))} is not written: {'; '.join(found.reasons)}")
    return 0


def _require_packages() -> None:
    """Raises UsageError if the packages are missing that quantise and measure."""
    from ..compare.accuracy import require_pycocotools

    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(
            f"quantising needs {' and '.join(missing)}, which is not installed; `make setup` "
            f"installs it, or: pip install {' '.join(missing)}"
        )
    require_pycocotools()


def _truth(folder: Path | None, images: list[LocalImage], labels: tuple[str, ...]) -> Truth | None:
    """Reads the labels, if there are any."""
    if folder is None:
        return None
    from ..compare.truth import Truth, find_names

    if not folder.is_dir():
        raise UsageError(f"{printable(str(folder))}: there is no such folder of labels")
    return Truth(folder, images, find_names(folder, None, labels, labels))


def _split(images: list[LocalImage]) -> tuple[list[LocalImage], list[LocalImage]]:
    """Returns the pictures for the ranges, and the others, which measure what is lost."""
    others = [image for number, image in enumerate(images) if number % _SHARE]
    return _thinned(images[::_SHARE], _MOST_FOR_RANGES), _thinned(others, _MOST_MEASURED)


def _thinned(images: list[LocalImage], most: int) -> list[LocalImage]:
    """Returns at most `most` of the pictures, from all parts of the list."""
    count = min(most, len(images))
    return [images[number * len(images) // count] for number in range(count)]


@contextmanager
def _staging(out: Path) -> Iterator[Path]:
    """Makes a hidden folder beside `out`, and removes it if it is still there at the end."""
    folder = out.with_name(f".{secrets.token_hex(8)}{TEMPORARY_SUFFIX}")
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
