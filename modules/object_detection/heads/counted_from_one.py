"""Classes that a network counts from 1, as TensorFlow's do; start at `class_of_numbers`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...errors import ModelError
from .candidates import Candidates
from .queries import COCO_IDS, class_of_columns

_COCO_NUMBERS = 90  # COCO numbers its 80 categories from 1 to 90, with gaps


def class_of_numbers(numbers: int | None, names: int) -> tuple[int, ...]:
    """Returns the class of each number, 0 first; -1 for a number without a class.

    80 names for 90 numbers are COCO's.

    Args:
        numbers: the highest number that the network knows; None if its outputs do not show it.
        names: how many class names there are.

    Raises:
        ModelError: there are other names than numbers, or it cannot be told which numbers 80 names
            have.
    """
    if numbers == _COCO_NUMBERS and names == len(COCO_IDS):
        return class_of_columns(_COCO_NUMBERS + 1, names)
    if numbers is None and names == len(COCO_IDS):
        raise ModelError(
            f"there are {names} class names, like COCO's, whose numbers reach {_COCO_NUMBERS}, "
            "with gaps, and its outputs do not show whether the network has these numbers; give "
            f"{_COCO_NUMBERS} names, with any name in the gaps, or export it with "
            "raw_detection_scores"
        )
    if numbers not in (None, names):
        coco = "or the 80 of COCO, " if numbers == _COCO_NUMBERS else ""
        raise ModelError(
            f"there are names for {names} classes; the network has {numbers}: give a name for each "
            f"of them, {coco}one a line"
        )
    return (-1, *range(names))


def number_from_zero(found: Candidates, classes: tuple[int, ...]) -> Candidates:
    """Replaces the numbers of classes by the classes; drops candidates of numbers without one.

    Args:
        found: its `class_ids` are numbers.
        classes: as `class_of_numbers` returns them.

    Raises:
        ModelError: a number is not known.
    """
    numbers = found.class_ids
    unknown = numbers[(numbers < 0) | (numbers >= len(classes))]
    if len(unknown):
        raise ModelError(
            f"the network found an object of class {unknown[0]}, counted from 1; it has classes up "
            f"to {len(classes) - 1}"
        )
    class_ids = np.array(classes, np.int32)[numbers]
    return replace(found, class_ids=class_ids).select(class_ids >= 0)
