"""Download a model of the zoo into a folder with its name.

Correct files that are already there are not downloaded again; broken downloads are resumed.
MODEL_MIRROR, a folder or an address that has the files as NAME/FILE or FILE, is tried before the
public addresses. The SHA-256 of every file is checked. A licence that binds the programs that use
the model is told on stderr first. Prints the folder.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from ..samples import CACHE, fetch, require_files, zoo_model

EXAMPLE = "python -m modules models pull yolox-tiny"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the action's arguments to `parser`."""
    parser.add_argument("name", metavar="NAME", help="a model that `models list` shows")
    parser.add_argument(
        "--to",
        type=Path,
        default=CACHE,
        metavar="DIR",
        help="where to make the model's folder (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Downloads the model, and prints its folder."""
    print(fetch(require_files(zoo_model(arguments.name)), arguments.to))
    return 0
