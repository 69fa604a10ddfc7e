"""Writes results into a folder, and overwrites only results of the same images.

Start at `ResultFolder`. A document says which annotated picture belongs to it: `annotated` has the
picture's SHA-256, or is null for none. A picture next to somebody else's document, or one that was
changed since, is therefore never taken for a result.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ImageError, OutputError, UsageError
from ..object_detection.images.registry import ANNOTATED_SUFFIXES
from ..results.document import to_json
from ..results.keys import DOCUMENT_SUFFIX, annotated_name
from ..storage.local_files import stage_file
from .local_results import file_id, is_document_alone, name_of_annotated, read_document
from .output_files import check_folder, give_name, writing_errors
from .path_names import fold, ignores_case
from .printing import printable, utf8

if TYPE_CHECKING:
    from .local_images import LocalImage

# What a file was when it was checked: device, inode, size and time of the last change; None if
# there was no file
_State = tuple[int, int, int, int] | None


class ResultFolder:
    """A folder for annotated pictures and their documents.

    path: the folder; it is created when the first result is written.
    """

    def __init__(
        self,
        path: Path,
        images: Sequence[LocalImage],
        *,
        overwrite: bool,
        key: Callable[[LocalImage], str] = lambda image: image.key,
        has_pictures: bool = True,
    ) -> None:
        """Checks all files that will be written, before anything is.

        Args:
            path: the folder.
            images: whose results will be written.
            overwrite: whether other files than results of the same images are replaced. Inputs
                never are.
            key: returns the key in an image's document.
            has_pictures: False if it is known that only documents will be written.

        Raises:
            UsageError: files would be written over inputs, over files that are no results of the
                same images, or over each other; or the folder cannot be written to.
        """
        self.path = path
        self._key = key
        self._has_pictures = has_pictures
        self._states: dict[Path, _State] = {}
        self._owners: dict[Path, LocalImage] = {}
        self._former: dict[Path, Path] = {}
        self._suffixes = {image: image.annotated_suffix() for image in images}
        self._name_max = check_folder(path, "--output")
        self._images = [image for image in images if not self.problem(image)]
        self._refuse_collisions()
        inputs = {file_id(image.path) for image in images if image.data is None}
        self._refuse_foreign_files(inputs, overwrite=overwrite)

    def paths(self, image: LocalImage, suffix: str | None = None) -> tuple[Path, Path]:
        """Returns where the annotated picture and the document of an image are written.

        suffix: what is added to the picture's name; by default what the image's first bytes say.
        """
        named = self.path / image.name
        added = self._suffixes[image] if suffix is None else suffix
        picture = named.with_name(annotated_name(named.name, added))
        return picture, named.with_name(named.name + DOCUMENT_SUFFIX)

    def _targets(self, image: LocalImage) -> tuple[Path, ...]:
        picture, document = self.paths(image)
        return (picture, document) if self._has_pictures else (document,)

    def problem(self, image: LocalImage) -> ImageError | None:
        """Returns why an image can have no result here: its name leaves no room for .json."""
        size = len(os.fsencode(image.name.name + DOCUMENT_SUFFIX))
        if size <= self._name_max:
            return None
        most = self._name_max - len(DOCUMENT_SUFFIX)
        return ImageError(
            f"its name has {size - len(DOCUMENT_SUFFIX)} bytes, and the name of its document would "
            f"have {size}; with --output a name may have {most}"
        )

    def write(
        self,
        image: LocalImage,
        annotated: bytes | None,
        document: dict[str, Any],
        media_type: str,
        suffix: str,
    ) -> dict[str, Any]:
        """Writes picture and document, both or none; returns the document as it is written.

        Args:
            image: the image.
            annotated: the annotated picture; None if nothing is drawn. Then the picture of a former
                result is deleted.
            document: the image's document; what it says about the picture is replaced.
            media_type: the annotated picture's.
            suffix: what is added to the image's name for the picture's: its `annotated_suffix`.

        Raises:
            OutputError: another program has written one of the files meanwhile, or one cannot be
                written.
        """
        picture_path, document_path = self.paths(image, suffix)
        written = None
        if annotated is not None:
            if self._owners.get(picture_path, image).name != image.name:  # the file was changed
                raise OutputError(str(_collision(self._owners[picture_path], image, picture_path)))
            self._owners[picture_path] = image
            digest = hashlib.sha256(annotated).hexdigest()
            written = {"key": utf8(str(picture_path)), "media_type": media_type, "sha256": digest}
        complete = {name: document[name] for name in ("schema", "image")}
        complete |= {"annotated": written}
        complete |= {name: document[name] for name in document if name != "annotated"}
        with writing_errors(document_path if annotated is None else picture_path):
            document_path.parent.mkdir(parents=True, exist_ok=True)
            with stage_file(document_path.parent, to_json(complete)) as document_part:
                self._check_state(document_path)
                if annotated is None:
                    self._delete_former(document_path)
                    self._put(document_part, document_path)
                else:
                    self._put_both(picture_path, annotated, document_path, document_part)
                    self._delete_former(document_path, kept=picture_path)
        return complete

    def _put_both(
        self, picture_path: Path, annotated: bytes, document_path: Path, document_part: Path
    ) -> None:
        with stage_file(picture_path.parent, annotated) as picture_part:
            self._check_state(picture_path)
            is_new = self._states.get(picture_path) is None
            self._put(picture_part, picture_path)
            try:
                self._put(document_part, document_path)
            except BaseException:
                if is_new:
                    picture_path.unlink(missing_ok=True)
                raise

    def _refuse_collisions(self) -> None:
        """Raises UsageError if two images would be written to the same file."""
        names = [path for image in self._images for path in self._targets(image)]
        folds = len(set(map(fold, names))) < len(set(names)) and ignores_case(self.path)
        owners: dict[str, LocalImage] = {}
        for image in self._images:
            for path in self._targets(image):
                self._owners[path] = image
                other = owners.setdefault(fold(path) if folds else str(path), image)
                if other.name != image.name or not _is_same(other, image):
                    raise _collision(other, image, path.relative_to(self.path))
        for image in self._images:
            for parent in (self.path / image.name).parents:
                other = owners.get(fold(parent) if folds else str(parent), image)
                if other is not image:
                    raise _collision(other, image, parent.relative_to(self.path))

    def _refuse_foreign_files(
        self, inputs: Set[tuple[int, int] | None], *, overwrite: bool
    ) -> None:
        refused: list[str] = []
        for image in self._images:
            picture, document = self.paths(image)
            for path in self._targets(image):
                self._states[path] = _state(path)
                if path.is_dir():
                    raise UsageError(f"{printable(str(path))} is a folder; choose another --output")
                if self._states[path] and file_id(path) in inputs:
                    raise UsageError(
                        f"{printable(str(path))} is an input, or another name of one; inputs are "
                        "never overwritten: choose another --output"
                    )
            if not overwrite and any(self._states[path] for path in self._targets(image)):
                refused += filter(None, [self._refusal(image, picture, document)])
            self._note_former(image, document, inputs)
        if refused:
            more = f" ({len(refused):,} files like this)" if len(refused) > 1 else ""
            raise UsageError(
                f"{refused[0]}{more}; choose another --output, or replace it with --overwrite"
            )

    def _note_former(
        self, image: LocalImage, document: Path, inputs: Set[tuple[int, int] | None]
    ) -> None:
        """Notes the picture of the image's former result, by its document.

        It may have another name than the new one, if the image had another format then.
        """
        name = name_of_annotated(document)
        for path in (self.paths(image, suffix)[0] for suffix in ANNOTATED_SUFFIXES):
            is_free = self._owners.get(path, image).name == image.name
            if path.name == name and is_free and file_id(path) not in inputs:
                self._states[path] = _state(path)
                if self._states[path] and not self._refusal(image, path, document):
                    self._former[document] = path

    def _delete_former(self, document: Path, kept: Path | None = None) -> None:
        """Deletes the picture that belongs to no document any more, unless it was changed."""
        former = self._former.pop(document, None)
        if former and former != kept and _state(former) == self._states.pop(former):
            former.unlink()

    def _refusal(self, image: LocalImage, picture: Path, document: Path) -> str | None:
        """Returns why the existing files are no result of this image; None if they are."""
        found = read_document(document)
        if found is None or not _is_written_here(found):
            path = document if self._states[document] else picture
            return f"{printable(str(path))} was not written by this command"
        key = found["image"]["key"]
        if key != self._key(image) and os.path.realpath(key) != os.path.realpath(image.path):
            return f"{printable(str(document))} is the result of another image, {printable(key)}"
        digest = found["annotated"]["sha256"] if found["annotated"] else None
        if self._states.get(picture) and _digest(picture) != digest:
            return f"{printable(str(picture))} is not the picture that its document names"
        return None

    def _check_state(self, path: Path) -> None:
        if _state(path) != self._states.get(path):
            raise OutputError(
                f"{printable(str(path))} was written by another program since this run began"
            )

    def _put(self, part: Path, path: Path) -> None:
        """Gives a complete file its name; a new name only if it is still free."""
        give_name(part, path, is_new=self._states.get(path) is None)
        self._states[path] = _state(path)


def _collision(one: LocalImage, other: LocalImage, name: Path) -> UsageError:
    return UsageError(
        f"{one.label} and {other.label} would both be written to {printable(str(name))}; "
        "name the folder that holds both, or use two outputs"
    )


def _is_written_here(document: dict[str, Any]) -> bool:
    """Whether a document has the digest of its picture, or says that nothing is drawn."""
    try:
        return is_document_alone(document) or isinstance(document["annotated"]["sha256"], str)
    except (LookupError, TypeError):
        return False


def _is_same(one: LocalImage, other: LocalImage) -> bool:
    return one is other or one.path.resolve() == other.path.resolve()


def _state(path: Path) -> _State:
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _digest(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
