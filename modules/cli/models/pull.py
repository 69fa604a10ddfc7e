"""Fetch a model of the zoo into a folder of its name, ready to be used.

What is there already and right is not fetched again; what broke off is continued. MODEL_MIRROR, a
folder or an address with files as NAME/FILE or FILE, is asked before the public addresses. Every
file is checked by its SHA-256. Prints the folder.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from ..samples import CACHE, fetch, named

EXAMPLE = "python -m modules models pull yolov4-tiny"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the action's arguments."""
    parser.add_argument("name", metavar="NAME", help="a model that `models list` shows")
    parser.add_argument(
        "--to",
        type=Path,
        default=CACHE,
        metavar="DIR",
        help="where the model's folder is made (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Fetches the model, and prints where it lies."""
    print(fetch(named(arguments.name), arguments.to))
    return 0
