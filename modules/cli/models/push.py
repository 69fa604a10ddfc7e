"""Upload a model folder to a bucket, as one step for whoever reads it.

The folder is loaded and tried on a picture first. A function that watches the place goes on with
the old model until the new one is complete; it never sees half a model. Region, credentials and
AWS_ENDPOINT_URL are read as the AWS SDKs read them. Prints where the model lies.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from ...errors import ModelError
from ...models.folder import LocalFolder
from ...models.loader import load_model
from ...models.manifest import MANIFEST
from ...models.reader import ModelReader
from ...settings import Settings
from ...storage.client import create_client
from ..samples import find_model
from ..transfer import transfer_bars
from .upload import Place, upload

_LARGEST = np.finfo(np.float32).max
EXAMPLE = "python -m modules models push yolov4-tiny s3://my-bucket/models/"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the action's arguments."""
    parser.add_argument("model", metavar="DIR", help="a model folder, or a name of the zoo")
    parser.add_argument(
        "target",
        metavar="s3://BUCKET/PREFIX",
        help="where the files go; where a / ends it, the folder's name is added",
    )


def run(arguments: argparse.Namespace) -> int:
    """Tries the model, uploads it, and prints where it lies."""
    from rich.console import Console

    folder = find_model(arguments.model)
    place = Place.parse(arguments.target, folder.name)
    try_model(folder)
    files = _files(folder)
    sizes = {name: path.stat().st_size for name, path in files.items()}
    with transfer_bars(sizes, Console(stderr=True)) as show:
        upload(create_client(), files, place, lambda name, count: show(name, advance=count))
    print(place)
    return 0


def try_model(path: Path) -> None:
    """Loads a model folder, and has it look at a picture of noise.

    Raises:
        ModelError: it does not load, or puts out numbers that are not finite.
    """
    detector = load_model(LocalFolder(path), Settings()).detector
    width, height = detector.input_size
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    # OpenCV's convolutions turn what is not a number into the largest one that there is
    if not all((np.abs(output) < _LARGEST).all() for output in detector.raw_outputs(noise)):
        raise ModelError(
            f"the model {path}: its network puts out numbers that are not finite; "
            "are the weights of a training that went well?"
        )
    detector.detect(noise)


def _files(path: Path) -> dict[str, Path]:
    """The folder's files that count, by name, less hidden ones."""
    folder = LocalFolder(path)
    names = ModelReader(folder, folder.files()).names
    return {name: path / name for name in names if name != MANIFEST and not name.startswith(".")}
