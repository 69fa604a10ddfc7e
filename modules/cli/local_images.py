"""Finds the images in files and folders of this machine; start at `find_images`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import UsageError
from ..object_detection.images import SUFFIXES


@dataclass(frozen=True)
class LocalImage:
    """An image file.

    Attributes:
        path: the file.
        name: its path relative to the folder that was searched, or else its file name.
    """

    path: Path
    name: Path


def find_images(
    paths: list[Path], *, is_recursive: bool = True, exclude: Path | None = None
) -> tuple[list[LocalImage], list[Path]]:
    """Finds the images at `paths`; returns them and the paths that do not exist.

    A file counts as an image whatever its name is. In folders, only files with the suffix of an
    image count, in the order of their names.

    Args:
        paths: files and folders.
        is_recursive: whether folders inside folders are searched, too.
        exclude: a folder; the files in it are left out.

    Raises:
        UsageError: all paths exist, but there is no image.
    """
    images, missing = [], []
    for path in paths:
        if path.is_dir():
            found = _search(path, is_recursive, exclude)
            images += [LocalImage(file, file.relative_to(path)) for file in found]
        elif path.exists():
            images.append(LocalImage(path, Path(path.name)))
        else:
            missing.append(path)
    if not images and not missing:
        raise UsageError(f"no images ({', '.join(SUFFIXES)}) in {', '.join(map(str, paths))}")
    return images, missing


def _search(folder: Path, is_recursive: bool, exclude: Path | None) -> Iterator[Path]:
    excluded = exclude.resolve() if exclude else None
    for path in sorted(folder.rglob("*") if is_recursive else folder.iterdir()):
        is_image = path.suffix.lower() in SUFFIXES and path.is_file()
        if is_image and (excluded is None or excluded not in path.resolve().parents):
            yield path
