"""Writes the crops of `detect --crops` into a folder, and replaces only crops of its own.

Start at `CropFolder`. A crop says in a comment which image it was cut from, and whether it was
changed since (results/crops/mark.py). So files of others are never taken for crops of this command.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import OutputError
from ..results.crops import cut_objects
from ..results.crops.mark import is_crop_of, read_mark
from ..results.crops.names import flat_name, image_of
from ..storage.local_files import stage_file
from .local_results import file_id
from .output_files import check_folder, give_name, writing_errors
from .path_names import fold, ignores_case
from .printing import printable

if TYPE_CHECKING:
    from .local_images import LocalImage

_MAX_CROP_BYTES = 1 << 28


def is_crop(path: Path) -> bool:
    """Returns whether a file is a crop of an earlier run that nobody has changed since."""
    return image_of(path.name) is not None and _read(path) is not None


class CropFolder:
    """A folder for crops, with a folder a class in it.

    path: the folder; it is created when the first crop is written. count: how many crops this run
    has made.
    """

    def __init__(self, path: Path, images: Sequence[LocalImage], *, overwrite: bool) -> None:
        """Lists the crops that are there already.

        Args:
            path: the folder.
            images: whose objects will be cut out.
            overwrite: whether other files than crops of the same image are replaced. Inputs never
                are.

        Raises:
            UsageError: the folder cannot be written to.
        """
        self.path = path
        self.count = 0
        check_folder(path, "--crops")
        self._overwrite = overwrite
        self._inputs = {file_id(image.path) for image in images if image.data is None}
        self._names = _choose_names(images)
        self._folders: dict[str, str] = {}  # by their folded names, if the file system folds them
        self._former = _find_crops(path)

    def write(
        self, image: LocalImage, pixels: NDArray[np.uint8], detections: Sequence[Mapping[str, Any]]
    ) -> None:
        """Writes a file for each object, and deletes the other crops of earlier runs of the image.

        Args:
            image: the image.
            pixels: `(H, W, 3)` uint8 BGR, upright, on which nothing is drawn yet.
            detections: as in the image's document.

        Raises:
            ImageError: an object is too large for a JPEG.
            OutputError: a file of somebody else is in the way: nothing is written. Or a file cannot
                be written.
        """
        name = self._names[image.path]
        crops = cut_objects(pixels, detections, name=name, key=image.key)
        flat = flat_name(name)
        candidates = {*self._former[flat], *self._former[flat_name(str(image.name))]}
        former = {path for path in candidates if self._is_own(image, path)}
        paths = [self.path / crop.path for crop in crops]
        for crop, path in zip(crops, paths, strict=True):
            self._check_folder_name(crop.folder)
            self._check_file(image, path, is_own=path in former)
        for crop, path in zip(crops, paths, strict=True):
            _write(path, crop.encode(), is_own=path in former, overwrite=self._overwrite)
        for path in former.difference(paths):
            with writing_errors(path):
                path.unlink(missing_ok=True)
        self._former[flat] = paths  # for an image that is named twice
        self.count += len(crops)

    def _check_folder_name(self, name: str) -> None:
        """Raises OutputError if two classes would share a folder that ignores case."""
        if not self._folders and not ignores_case(self.path):
            return
        other = self._folders.setdefault(fold(Path(name)), name)
        if other != name:
            raise OutputError(
                f"the crops of the classes {printable(other)} and {printable(name)} would be in "
                f"one folder, as {printable(str(self.path))} ignores case; choose a --crops on "
                "another disk, or rename one of the classes"
            )

    def _check_file(self, image: LocalImage, path: Path, *, is_own: bool) -> None:
        """Raises OutputError if a file is in the way."""
        name = printable(str(path))
        if is_own or not os.path.lexists(path):
            return
        if path.is_dir():
            raise OutputError(f"{name} is a folder; choose another --crops")
        if file_id(path) in self._inputs:
            raise OutputError(
                f"{name} is an input, or another name of one; inputs are never overwritten: choose "
                "another --crops"
            )
        if not self._overwrite:
            facts = _read(path)
            reason = (
                f"is a crop of another image, {printable(facts['crop_of'])}"
                if facts
                else "was not written by this command, or was changed since"
            )
            raise OutputError(
                f"{name} {reason}; choose another --crops, or replace it with --overwrite"
            )

    def _is_own(self, image: LocalImage, path: Path) -> bool:
        """Returns whether a file is an unchanged crop of this image, and no input."""
        facts = None if path.is_symlink() or file_id(path) in self._inputs else _read(path)
        return facts is not None and (
            is_crop_of(facts, image.key)
            or os.path.realpath(facts["crop_of"]) == os.path.realpath(image.path)
        )


def _choose_names(images: Sequence[LocalImage]) -> dict[Path, str]:
    """Returns the name of each image, by which its crops are named: its path in its folder.

    If two images would share a name, all are named by their paths in the folder that holds all.
    """
    paths = defaultdict[PurePath, set[str]](set)
    for image in images:
        paths[image.name].add(os.path.realpath(image.path))
    if all(len(same) == 1 for same in paths.values()):
        return {image.path: str(image.name) for image in images}
    absolute = {image.path: image.path.absolute() for image in images}
    common = os.path.commonpath([path.parent for path in absolute.values()])
    return {given: os.path.relpath(path, common) for given, path in absolute.items()}


def _find_crops(folder: Path) -> dict[str, list[Path]]:
    """Returns the files that have the name of a crop, by the `flat_name` of their image."""
    found = defaultdict[str, list[Path]](list)
    try:
        classes = sorted(Path(entry.path) for entry in os.scandir(folder) if entry.is_dir())
    except FileNotFoundError:
        return found
    for class_folder in classes:
        for entry in os.scandir(class_folder):
            image = image_of(entry.name)
            if image is not None:
                found[image].append(Path(entry.path))
    return found


def _read(path: Path) -> dict[str, Any] | None:
    try:
        if not path.is_file() or path.stat().st_size > _MAX_CROP_BYTES:
            return None
        return read_mark(path.read_bytes())
    except OSError:
        return None


def _write(path: Path, data: bytes, *, is_own: bool, overwrite: bool) -> None:
    """Writes one file, whole or not at all; leaves an equal one as it is."""
    with writing_errors(path):
        if is_own and path.read_bytes() == data:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with stage_file(path.parent, data) as part:
            give_name(part, path, is_new=not (is_own or overwrite))
