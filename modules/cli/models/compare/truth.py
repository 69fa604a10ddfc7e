"""Reads labels in YOLO's format: which objects there are in pictures; start at `Truth`.

The text file of a picture has one line per object: the number of its class, and the centre, width
and height of its box as parts of the picture's, from 0 to 1. Instead of a box, it may have the
corners of an outline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ....errors import UsageError
from ...local_images import LocalImage
from ...printing import printable

_CLASSES = "classes.txt"  # the names, as labelImg and `batch detect --format yolo` write them
_SLACK = 0.01  # by which boxes may lie outside the picture, as tools round their numbers


@dataclass(frozen=True)
class Object:
    """An object in a picture. box: left, top, width and height, as parts of the picture's."""

    label: str
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class Labels:
    """The names of the classes in labels, by number, and where they come from."""

    names: tuple[str, ...]
    source: str


class Truth:
    """The labels of some pictures.

    labels: the names of the classes. missing: the pictures without a file of labels.
    """

    def __init__(self, folder: Path, images: Sequence[LocalImage], labels: Labels) -> None:
        """Reads the labels of all pictures, each below `folder` at the picture's own path.

        Raises:
            UsageError: a line cannot be read, or no picture has labels.
        """
        self.labels = labels
        self.missing: list[LocalImage] = []
        self._objects: dict[Path, tuple[Object, ...]] = {}
        owners: dict[Path, LocalImage] = {}
        for image in images:
            path = folder / image.name.with_suffix(".txt")
            other = owners.setdefault(path, image)
            if other.path.resolve() != image.path.resolve():
                raise UsageError(
                    f"{other.label} and {image.label} would both have the labels "
                    f"{printable(str(path))}; name the folder that holds both pictures"
                )
            if path.is_file():
                self._objects[image.path] = _read(path, labels)
            else:
                self.missing.append(image)
        if not self._objects:
            raise UsageError(
                f"{printable(str(folder))} has no labels of these pictures; those of "
                f"{images[0].label} would be in {printable(str(next(iter(owners))))}"
            )
        if not any(self._objects.values()):
            raise UsageError(f"{printable(str(folder))}: there is no object in these labels")

    def objects(self, image: LocalImage) -> tuple[Object, ...]:
        """Returns the objects in a picture; none if it has no file of labels."""
        return self._objects.get(image.path, ())


def find_names(folder: Path, given: Path | None, a: Sequence[str], b: Sequence[str]) -> Labels:
    """Returns the names of the classes in labels.

    Args:
        folder: of the labels.
        given: a file with the names; None for `classes.txt` in the folder or in the one above it,
            or else the order that both models have.
        a: the labels of one model.
        b: those of the other.

    Raises:
        UsageError: the names cannot be told, or no model has a class of these names.
    """
    found = given or next(
        (path / _CLASSES for path in (folder, folder.parent) if (path / _CLASSES).is_file()), None
    )
    if found is not None:
        labels = Labels(_read_names(found), printable(str(found)))
        if not {*labels.names} & {*a, *b}:
            raise UsageError(
                f"{labels.source}: neither model has one of these classes: "
                f"{', '.join(labels.names[:5])}...; the models have {', '.join([*a, *b][:5])}..."
            )
        return labels
    if tuple(a) != tuple(b):
        raise UsageError(
            "labels have numbers of classes, and the two models number theirs differently; tell "
            "the names with --names FILE (one a line, in the order of the numbers), or put them "
            f"into {printable(str(folder / _CLASSES))}"
        )
    return Labels(tuple(a), "the models")


def _read_names(path: Path) -> tuple[str, ...]:
    """Reads names of classes: one a line, or `names` in the YAML file of a data set."""
    name = printable(str(path))
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is no text in UTF-8") from error
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror}") from error
    if path.suffix.lower() in (".yaml", ".yml"):
        return _read_yaml(text, name)
    lines = tuple(line.strip() for line in text.rstrip().splitlines())
    if not lines or not all(lines):
        raise UsageError(f"{name} must have one class name a line, and no empty line")
    return lines


def _read_yaml(text: str, name: str) -> tuple[str, ...]:
    try:
        import yaml
    except ImportError as error:
        raise UsageError(
            f"{name}: reading YAML needs PyYAML, which `make setup` installs; or give a file with "
            "one name a line"
        ) from error
    try:
        names = yaml.safe_load(text)["names"]
        if isinstance(names, dict):
            names = [names[number] for number in range(len(names))]
        found = tuple(map(str, names)) if isinstance(names, list) else ()
    except (yaml.YAMLError, LookupError, TypeError):
        found = ()
    if not found:
        raise UsageError(f"{name} must have `names`: a list of the classes, or a name by number")
    return found


def _read(path: Path, labels: Labels) -> tuple[Object, ...]:
    name = printable(str(path))
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is no text, so it has no labels in YOLO's format") from error
    return tuple(
        _parse(line, labels, f"{name}, line {number}")
        for number, line in enumerate(lines, 1)
        if line.strip()
    )


def _parse(line: str, labels: Labels, where: str) -> Object:
    try:
        number, *values = map(float, line.split())
    except ValueError as error:
        raise UsageError(f"{where}: {printable(line)!r} is not a line of numbers") from error
    is_outline = len(values) >= 6 and len(values) % 2 == 0
    if len(values) != 4 and not is_outline:
        raise UsageError(
            f"{where} has {len(values) + 1} numbers; it must have 5 (class, x, y, width, height), "
            "or a class and the x and y of at least 3 corners"
        )
    if not number.is_integer():
        raise UsageError(f"{where}: the class is {line.split()[0]}; it must be a whole number")
    if not 0 <= number < len(labels.names):
        raise UsageError(
            f"{where} has the class {int(number)}; {labels.source} names {len(labels.names)}, from "
            f"0 to {len(labels.names) - 1}. Tell the names of these labels with --names FILE"
        )
    if not all(-_SLACK <= value <= 1 + _SLACK for value in values):
        raise UsageError(
            f"{where}: places and sizes must be parts of the picture's width and height, from 0 to "
            f"1, and not pixels; it has {', '.join(line.split()[1:])}"
        )
    box = _box(values)
    if not (box[2] > 0 and box[3] > 0):
        raise UsageError(f"{where}: the box is empty; width and height must be more than 0")
    return Object(labels.names[int(number)], box)


def _box(values: Sequence[float]) -> tuple[float, float, float, float]:
    """Returns the box of a label: left, top, width, height."""
    if len(values) == 4:
        x, y, width, height = values
        return x - width / 2, y - height / 2, width, height
    left, top = min(values[::2]), min(values[1::2])
    return left, top, max(values[::2]) - left, max(values[1::2]) - top
