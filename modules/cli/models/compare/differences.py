"""Where two models find different objects in a picture; start at `find_differences`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ....object_detection.detections import Detections

MATCH_IOU = 0.5  # two boxes of one class are the same object from this intersection over union on
MOVED_IOU = 0.75  # below this, the box of an object has moved; COCO calls a match from it on strict


@dataclass(frozen=True)
class Pair:
    """One object that both models found: the indices of its detections, and the boxes' IoU."""

    a: int
    b: int
    iou: float

    @property
    def is_moved(self) -> bool:
        """Whether the two boxes differ by more than a little."""
        return self.iou < MOVED_IOU


@dataclass(frozen=True)
class Differences:
    """What two models found in one picture.

    a, b: the detections of each; class ids are indices into names that both share. pairs: the
    objects that both found. only_a, only_b: indices of the detections without a counterpart.
    """

    a: Detections
    b: Detections
    pairs: tuple[Pair, ...]
    only_a: tuple[int, ...]
    only_b: tuple[int, ...]

    @property
    def moved(self) -> tuple[Pair, ...]:
        """The objects whose boxes differ."""
        return tuple(pair for pair in self.pairs if pair.is_moved)

    @property
    def size(self) -> float:
        """How much the models differ, to order pictures by; 0 if they agree.

        The confidence of each object that one model found, and 1 - IoU of each moved box.
        """
        alone = sum(self.a.confidences[index] for index in self.only_a)
        alone += sum(self.b.confidences[index] for index in self.only_b)
        return float(alone) + sum(1 - pair.iou for pair in self.moved)


@dataclass(frozen=True)
class ClassCounts:
    """How many objects of a class were found, by each model, by both, and by one only.

    same and moved add up to the objects that both found.
    """

    a: int = 0
    b: int = 0
    same: int = 0
    moved: int = 0
    only_a: int = 0
    only_b: int = 0

    def plus(self, other: ClassCounts) -> ClassCounts:
        """Returns the sums."""
        return ClassCounts(
            *(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__)
        )


class Names:
    """The names of the classes of both models, which are matched by name."""

    def __init__(self, *labels: Sequence[str]) -> None:
        self.all = tuple(dict.fromkeys(label for each in labels for label in each))
        self._numbers = {label: number for number, label in enumerate(self.all)}

    def number(self, label: str) -> int | None:
        """Returns the number of a name here; None if no model has it."""
        return self._numbers.get(label)

    def translate(self, found: Detections, labels: Sequence[str]) -> Detections:
        """Returns detections of a model with these labels, with the numbers here as class ids."""
        numbers = np.array([self._numbers[label] for label in labels], np.int32)
        return replace(found, class_ids=numbers[found.class_ids])


def find_differences(a: Detections, b: Detections) -> Differences:
    """Matches the detections of two models, whose class ids mean the same.

    Of the pairs of one class whose IoU is at least `MATCH_IOU`, the one with the highest IoU is
    taken first. Each detection is in one pair at most.

    >>> box = np.array([[0, 0, 10, 10]], np.float32)
    >>> one = Detections(box, np.array([0.9], np.float32), np.array([3], np.int32))
    >>> other = Detections(box + 1, np.array([0.8], np.float32), np.array([3], np.int32))
    >>> find_differences(one, other).pairs
    (Pair(a=0, b=0, iou=0.680672268907563),)
    """
    overlaps = overlap(a.boxes, b.boxes)
    overlaps[a.class_ids[:, None] != b.class_ids[None]] = 0
    rows, columns = np.nonzero(overlaps >= MATCH_IOU)
    order = np.lexsort((columns, rows, -overlaps[rows, columns]))
    pairs: list[Pair] = []
    free_a, free_b = dict.fromkeys(range(len(a))), dict.fromkeys(range(len(b)))
    for row, column in zip(rows[order].tolist(), columns[order].tolist(), strict=True):
        if row in free_a and column in free_b:
            del free_a[row], free_b[column]
            pairs.append(Pair(row, column, float(overlaps[row, column])))
    return Differences(a, b, tuple(pairs), tuple(free_a), tuple(free_b))


def overlap(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float64]:
    """Returns the intersection over union of each box with each other one, `(N, M)`.

    Args:
        one: `(N, 4)`, xyxy.
        other: `(M, 4)`, xyxy.
    """
    first, second = one.astype(np.float64)[:, None], other.astype(np.float64)[None]
    corners = np.minimum(first[..., 2:], second[..., 2:]) - np.maximum(
        first[..., :2], second[..., :2]
    )
    shared = corners.clip(0).prod(axis=-1)
    areas = [(boxes[..., 2:] - boxes[..., :2]).prod(axis=-1) for boxes in (first, second)]
    union = areas[0] + areas[1] - shared
    found: NDArray[np.float64] = np.zeros_like(shared)
    np.divide(shared, union, out=found, where=union > 0)
    return found


def count_by_class(found: Iterable[Differences]) -> dict[int, ClassCounts]:
    """Returns the counts of each class that was found at all, by its number."""
    counts: dict[int, ClassCounts] = {}
    for differences in found:
        for number, one in _counts(differences):
            counts[number] = counts.get(number, ClassCounts()).plus(one)
    return dict(sorted(counts.items()))


def _counts(found: Differences) -> Iterator[tuple[int, ClassCounts]]:
    a, b = found.a.class_ids.tolist(), found.b.class_ids.tolist()
    for pair in found.pairs:
        moved = int(pair.is_moved)
        yield a[pair.a], ClassCounts(a=1, b=1, same=1 - moved, moved=moved)
    for index in found.only_a:
        yield a[index], ClassCounts(a=1, only_a=1)
    for index in found.only_b:
        yield b[index], ClassCounts(b=1, only_b=1)
