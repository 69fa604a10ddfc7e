"""Finds the images in files and folders of this machine; start at `find_images`."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import ImageError, UsageError
from ..object_detection.images.registry import find_format
from ..object_detection.images.selection import (
    HEAD_BYTES,
    describe_formats,
    describe_left_out,
    has_picture_suffix,
    is_picture,
    kind_of,
)
from ..results.keys import DOCUMENT_SUFFIX
from ..storage.local_files import TEMPORARY_SUFFIX, is_temporary
from .crop_folder import is_crop
from .local_results import file_id, is_annotated, read_document
from .printing import printable, utf8

STDIN = "-"
_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)


@dataclass(frozen=True)
class LocalImage:
    """An image file, or the image on standard input.

    Attributes:
        path: the file; `-` for standard input.
        name: its path relative to the folder that was searched, or else its file name.
        data: the file's bytes, if they were read already.
    """

    path: Path
    name: Path
    data: bytes | None = None

    @property
    def key(self) -> str:
        r"""The path as it was given, in valid UTF-8: other bytes are shown as `\xe9`."""
        return utf8(str(self.path))

    @property
    def label(self) -> str:
        """The path for messages and tables, without control characters."""
        return printable(str(self.path))

    def size(self) -> int:
        """Returns the file's size in bytes."""
        return self.path.stat().st_size if self.data is None else len(self.data)

    def read(self) -> bytes:
        """Returns the file's bytes."""
        return self.path.read_bytes() if self.data is None else self.data

    def annotated_suffix(self) -> str:
        """Returns what is added to the name for that of the annotated image, by the first bytes.

        Empty for a file that is no picture, and for one that cannot be read twice, such as a pipe.
        """
        try:
            head = self.data
            if head is None:
                if not self.path.is_file():
                    return ""
                with self.path.open("rb", buffering=0) as file:
                    head = file.read(HEAD_BYTES)
            return find_format(head).annotated_suffix
        except (OSError, ImageError):
            return ""  # it fails when it is processed


@dataclass
class FoundImages:
    """What a search found.

    Attributes:
        images: in the order of the arguments, and in folders in the order of their names.
        failures: a message for each path that does not exist or cannot be read.
        left_out: the number of files in folders that are no pictures, by kind.
        results: the number of pictures that were left out as results of earlier runs.
        empty: folders in which there is no image.
    """

    images: list[LocalImage] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    results: int = 0
    empty: list[str] = field(default_factory=list)

    def remarks(self) -> Iterator[str]:
        """Yields what a user should know about files that are not processed."""
        if self.images:
            yield from (f"{folder}: no images in it" for folder in self.empty)
        if self.left_out:
            yield describe_left_out(self.left_out)
        if self.results:
            yield f"{self.results:,} results of earlier runs in the output folder left out"


def find_images(
    arguments: Sequence[str | Path],
    *,
    is_recursive: bool = True,
    outputs: Sequence[Path | None] = (),
    max_stdin_bytes: int = sys.maxsize - 1,
) -> FoundImages:
    """Finds the images at paths of this machine.

    A file that is named counts as an image, whatever it is: it fails later if it is none. In a
    folder, a file counts as an image by its suffix or its first bytes. Links to folders are
    followed, but no folder is searched twice.

    Args:
        arguments: files and folders; `-` for an image on standard input.
        is_recursive: whether folders inside folders are searched, too.
        outputs: the folders for results and crops. Where a searched folder contains one, the
            results of earlier runs in it are left out.
        max_stdin_bytes: of an image on standard input; one byte more is read, so that the caller
            finds it too large.

    Raises:
        UsageError: an argument is an address, or there is no image and nothing failed.
    """
    for text in map(str, arguments):
        refuse_address(text)
    if list(map(str, arguments)).count(STDIN) > 1:
        raise UsageError(f"{STDIN}: standard input holds one image, so it can be named once")
    found = FoundImages()
    for argument in arguments:
        path = Path(argument)
        if argument == STDIN:
            found.images.append(_read_stdin(max_stdin_bytes))
        elif path.is_dir():
            before = len(found.images)
            _Search(path, outputs, found).run(is_recursive=is_recursive)
            if len(found.images) == before:
                found.empty.append(printable(str(path)))
        elif os.path.lexists(path):
            found.images.append(LocalImage(path, Path(path.name)))
        else:
            found.failures.append(f"{printable(str(path))}: there is no such file or folder")
    if not found.images and not found.failures:
        where = ", ".join(printable(str(path)) for path in arguments)
        message = f"no images ({describe_formats()}) in {where}"
        raise UsageError("; ".join([message, *found.remarks()]))
    return found


def describe_failure(image: LocalImage, error: Exception) -> str:
    """Returns a message that names the image; system errors without their number and path."""
    is_system = isinstance(error, OSError) and error.strerror
    return f"{image.label}: {error.strerror if is_system else error}"  # type: ignore[attr-defined]


def refuse_address(text: str) -> None:
    """Raises UsageError if `text` is an address like s3://bucket/key: says what takes it."""
    match = _ADDRESS.match(text)
    if not match:
        return
    scheme, rest = match[1].lower(), text[match.end() :]
    name = f"{printable(text)}: not a path of this machine"
    if scheme == "file":
        raise UsageError(f"{name}; write it without file://")
    if scheme in ("http", "https"):
        raise UsageError(
            f"{name}; download the image first, or pipe it: "
            f"curl -sSfL {printable(text)} | python -m modules detect - ..."
        )
    if scheme in ("s3", "s3a", "s3n"):
        location = printable(rest) or "BUCKET"
        raise UsageError(
            f"{name}. To put images of this machine into a bucket and get their results: python -m "
            f"modules drop PICTURE... s3://{location.partition('/')[0]}. "
            "To process the images that are in a bucket: "
            f"python -m modules batch detect s3a://{location} --model M --output OUT"
        )
    raise UsageError(f"{name}; python -m modules batch detect reads and writes addresses of Spark")


def _read_stdin(max_bytes: int) -> LocalImage:
    """Reads an image from standard input; its name has the suffix of its format."""
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError(f"{STDIN}: pipe an image into standard input, like `cat a.jpg | ...`")
    data = sys.stdin.buffer.read(max_bytes + 1)
    try:
        suffix = find_format(data).suffixes[0]
    except ImageError:
        suffix = ""  # it fails when it is decoded
    return LocalImage(Path(STDIN), Path(f"stdin{suffix}"), data)


class _Search:
    """Searches one folder, and adds what it finds to `found`."""

    def __init__(self, root: Path, outputs: Sequence[Path | None], found: FoundImages) -> None:
        self._root = root
        self._found = found
        self._outputs = {file_id(output) for output in outputs if output} - {None}
        self._visited: set[tuple[int, int]] = set()
        self._images: list[Path] = []

    def run(self, *, is_recursive: bool) -> None:
        # Links come last, so that a folder inside the root has its own path in the results
        folders, links = [(self._root, False)], list[tuple[Path, bool]]()
        while folders or links:
            folder, is_output = (folders or links).pop()
            identity = file_id(folder)
            if identity in self._visited:
                continue
            if identity:
                self._visited.add(identity)
            is_output = is_output or (identity in self._outputs and folder != self._root)
            try:
                entries = list(os.scandir(folder))
            except OSError as error:
                self._fail(folder, error)
                continue
            for entry in entries:
                path = Path(entry.path)
                if not path.is_dir():
                    self._add_file(path, is_output=is_output)
                elif is_recursive:
                    (links if entry.is_symlink() else folders).append((path, is_output))
                else:
                    self._found.left_out["folders"] += 1
        self._found.images += [
            LocalImage(path, path.relative_to(self._root)) for path in sorted(self._images)
        ]

    def _add_file(self, path: Path, *, is_output: bool) -> None:
        try:
            if is_output and self._is_result(path):
                return
            if is_temporary(path.name):
                self._found.left_out[TEMPORARY_SUFFIX] += 1
            elif not has_picture_suffix(path.name) and not self._has_picture(path):
                self._found.left_out[printable(kind_of(path.name))] += 1
            elif stat.S_ISREG(path.stat().st_mode):
                self._images.append(path)
            else:
                self._found.left_out["no regular files"] += 1
        except OSError as error:
            self._fail(path, error)

    def _has_picture(self, path: Path) -> bool:
        """Returns whether a file without a picture's suffix starts as a picture does."""
        if not path.is_file():  # a broken link, or a pipe, whose opening could wait for ever
            return False
        with path.open("rb", buffering=0) as file:
            return is_picture(file.read(HEAD_BYTES))

    def _is_result(self, path: Path) -> bool:
        """Returns whether a file in the output folder is a result, and counts its pictures."""
        if path.name.endswith(DOCUMENT_SUFFIX) and read_document(path):
            return True
        if is_annotated(path) or is_crop(path):
            self._found.results += 1
            return True
        return False

    def _fail(self, path: Path, error: OSError) -> None:
        self._found.failures.append(f"{printable(str(path))}: {error.strerror or error}")
