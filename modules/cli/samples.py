"""Where the local commands take models and pictures from, if not from the user's own folders.

The folder that SHARED_DATA names goes first, then the zoo's public addresses.
"""

from __future__ import annotations

import os
from pathlib import Path

from ..object_detection.image import SUFFIXES
from ..zoo import MODELS, pull
from . import UsageError

_CACHE = Path(".cache")
_SAMPLES = Path(__file__).parent.parent.parent / "demo"
DEFAULT_MODEL = "yolo-fastest-1.1-xl"


def find_model(model: str) -> Path:
    """The folder of a model: its path, or a name in `zoo.MODELS`."""
    if Path(model).is_dir():
        return Path(model).resolve()
    if model not in MODELS:
        raise UsageError(f"--model {model}: neither a folder nor one of {', '.join(MODELS)}")
    return _shared("models", model) or _pull(model)


def find_images(paths: list[Path]) -> list[Path]:
    """The images at `paths`, files and folders; samples if no paths are given."""
    found: list[Path] = []
    for path in paths or [_SAMPLES, *filter(None, [_shared("photos")])]:
        if path.is_dir():
            found += sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)
        elif path.is_file():
            found.append(path)
        else:
            raise UsageError(f"{path}: there is no such file or folder")
    if not found:
        raise UsageError(f"no images ({', '.join(SUFFIXES)}) in {', '.join(map(str, paths))}")
    names = [path.name for path in found]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"{name} is there {names.count(name)} times; names must differ")
    return found


def _shared(*path: str) -> Path | None:
    root = os.environ.get("SHARED_DATA")
    folder = Path(root, *path) if root else None
    return folder if folder and folder.is_dir() else None


def _pull(name: str) -> Path:
    from rich.console import Console
    from rich.progress import DownloadColumn, Progress, TextColumn

    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), DownloadColumn()
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task(f"downloading {name}", total=None)
        return pull(name, _CACHE, lambda _, count: progress.advance(task, count))
