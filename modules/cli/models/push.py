"""Upload a model folder to a bucket, in one step for its readers.

First loads the model and runs it on a test image, with the engine that ENGINE names. A function
that uses this prefix keeps the old model until the new one is complete; it never gets half a
model. Region, credentials and AWS_ENDPOINT_URL are read as in the AWS SDKs. Prints the model's
s3:// address.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import numpy as np

from ...errors import ModelError
from ...models.folder import LocalFolder
from ...models.loader import load_model
from ...models.manifest import MANIFEST
from ...models.reader import ModelReader
from ...object_detection.engines.registry import DEFAULT
from ...settings import Settings
from ...storage.client import create_client
from ..samples import find_model
from ..transfer import transfer_bars
from .upload import Place, upload

_LARGEST = np.finfo(np.float32).max
EXAMPLE = "python -m modules models push yolov4-tiny s3://my-bucket/models/"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the action's arguments to `parser`."""
    parser.add_argument("model", metavar="DIR", help="a model folder, or a name of the zoo")
    parser.add_argument(
        "target",
        metavar="s3://BUCKET/PREFIX",
        help="where to upload the files; if it ends with a /, the folder's name is added",
    )


def run(arguments: argparse.Namespace) -> int:
    """Tries the model, uploads it, and prints its address."""
    from rich.console import Console

    folder = find_model(arguments.model)
    place = Place.parse(arguments.target, folder.name)
    settings = Settings.from_environment({"ENGINE": os.environ.get("ENGINE", "")})
    engine = try_model(folder, settings)
    if engine != DEFAULT:
        print(f"note: {engine} runs it; a function needs --param engine={engine}", file=sys.stderr)
    files = model_files(folder)
    sizes = {name: path.stat().st_size for name, path in files.items()}
    with transfer_bars(sizes, Console(stderr=True)) as show:
        upload(create_client(), files, place, lambda name, count: show(name, advance=count))
    print(place)
    return 0


def try_model(path: Path, settings: Settings) -> str:
    """Loads a model folder, runs the model on an image of noise, and returns its engine's name.

    Raises:
        ModelError: the model does not load, or its outputs are not finite.
    """
    model = load_model(LocalFolder(path), settings)
    detector = model.detector
    width, height = detector.input_size
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    # OpenCV's convolutions turn NaN into the largest float32
    if not all((np.abs(output) < _LARGEST).all() for output in detector.raw_outputs(noise)):
        raise ModelError(
            f"the model {path}: its network puts out numbers that are not finite; "
            "did the training of its weights diverge?"
        )
    detector.detect(noise)
    return model.engine


def model_files(path: Path) -> dict[str, Path]:
    """Returns the paths of the model's files, by name, without hidden files and the manifest."""
    folder = LocalFolder(path)
    names = ModelReader(folder, folder.files()).names
    return {name: path / name for name in names if name != MANIFEST and not name.startswith(".")}
