"""Put a model into the package of the next deployment.

First loads the model and runs it on a test image, with the engine that ENGINE names. Then copies
the model's files with their SHA256SUMS to bundled/NAME, and deletes what was there before. A
deployment with --param model=bundled does this itself. Prints the folder.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from pathlib import Path

from ...models.folder import BUNDLED_PLACE
from ...models.manifest import MANIFEST, format_manifest
from ...models.zoo.download import digest_of
from ...settings import Settings
from ..samples import find_model
from .push import model_files, try_model

EXAMPLE = "python -m modules models bundle yolox-nano"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the action's arguments to `parser`."""
    parser.add_argument("model", metavar="DIR", help="a model folder, or a name of the zoo")


def run(arguments: argparse.Namespace) -> int:
    """Tries the model, copies it, and prints the copy's folder."""
    folder = find_model(arguments.model)
    try_model(folder, Settings.from_environment({"ENGINE": os.environ.get("ENGINE", "")}))
    print(bundle(folder, BUNDLED_PLACE))
    return 0


def bundle(folder: Path, place: Path) -> Path:
    """Copies the files of a model folder to `place`, as its only model; returns the copy.

    An interrupted copy leaves either the models that were there or none.
    """
    files = model_files(folder)
    with tempfile.TemporaryDirectory(prefix=".bundled-", dir=place.parent) as name:
        complete = Path(name, place.name)
        copy = complete / folder.resolve().name
        copy.mkdir(parents=True)
        for file, path in files.items():
            shutil.copyfile(path, copy / file)
        digests = {file: digest_of(copy / file) for file in files}
        (copy / MANIFEST).write_bytes(format_manifest(digests))
        if place.exists():
            shutil.rmtree(place)
        complete.rename(place)
    return place / folder.resolve().name
