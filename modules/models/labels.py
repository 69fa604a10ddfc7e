"""Finds the names of a model's classes; start at `read_labels`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import ModelError
from .reader import ModelReader
from .suffixes import DESCRIPTION

if TYPE_CHECKING:
    from ..object_detection.model_description import Description

_LONGEST_NAME = 100  # characters of a class name in a *.txt


@dataclass(frozen=True)
class Labels:
    """The names of the classes, by class id, and the file that has them."""

    names: tuple[str, ...]
    file: str


def read_labels(
    reader: ModelReader,
    description: Description | None,
    is_named: Callable[[], bool] = lambda: False,
) -> Labels | None:
    """Reads the names of the classes from the first of these that has them.

    1. `names` in `model.json`;
    2. the one `*.names`;
    3. the network's own file: then the result is None;
    4. the one `*.txt`, which may also be a licence or a note, so nothing else may have names.

    No file after the first that counts is read, so that it does not change the model's digest.

    Args:
        reader: reads the model folder.
        description: the folder's `model.json`; None where there is none.
        is_named: returns whether the network's file names its classes.

    Raises:
        ModelError: there are several `*.names`, or several `*.txt` that may be the list; the file
            is not text; a `*.txt` is no list of names.
    """
    if description is not None and description.names is not None:
        return Labels(description.names, DESCRIPTION)
    if name := reader.find(".names"):
        return Labels(_lines(reader.text(name)), name)
    texts = [name for name in reader.names if name.endswith(".txt")]
    if not texts or is_named():
        return None
    if len(texts) > 1:
        raise ModelError(
            f"it has no *.names, and {len(texts)} files *.txt ({', '.join(texts)}); rename the one "
            "that has the names of the classes to *.names"
        )
    (name,) = texts
    lines = _lines(reader.text(name))
    _check_list(lines, name)
    return Labels(lines, name)


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.strip().splitlines())


def _check_list(lines: tuple[str, ...], name: str) -> None:
    """Refuses a text with empty or long lines, which licences and notes have.

    Raises:
        ModelError: the text has such a line.
    """
    for number, line in enumerate(lines, 1):
        if not line or len(line) > _LONGEST_NAME:
            wrong = f"has {len(line)} characters" if line else "is empty"
            raise ModelError(
                f"{name} is not a list of class names, one a line: line {number} {wrong}; put the "
                "names in a *.names"
            )
