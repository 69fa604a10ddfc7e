"""Reads YOLO9000's tree of classes, and turns logits into classes with it; start at `parse_tree`.

Formulas: YOLO9000 (Redmon and Farhadi, 2016), section 4; tree.c and softmax_tree in Darknet.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import CfgError

_THRESHOLD = 0.5  # Darknet's own default for its option -hier


@dataclass(frozen=True)
class ClassTree:
    """Classes, most of which are kinds of a parent class: a dog is a kind of animal.

    The children of one parent form a group; an object belongs to one class of a group.

    parents: `(classes,)`, the parent of each class, or -1; it precedes its children, and a group's
    classes are consecutive. offsets: `(groups,)`, the first class of each group.
    """

    parents: NDArray[np.int64]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.parents)

    def probabilities(self, logits: NDArray[np.floating]) -> NDArray[np.float64]:
        """Turns `(N, classes)` logits into probabilities.

        A class's probability is the softmax over its group, times its parent's probability.
        """
        sizes = np.diff(self.offsets, append=len(self))
        logits = logits.astype(np.float64)
        highest = np.maximum.reduceat(logits, self.offsets, axis=1)
        powers = np.exp(logits - highest.repeat(sizes, axis=1))
        sums = np.add.reduceat(powers, self.offsets, axis=1)
        probabilities: NDArray[np.float64] = powers / sums.repeat(sizes, axis=1)
        for start, size in zip(self.offsets, sizes, strict=True):
            parent = self.parents[start]
            if parent >= 0:
                probabilities[:, start : start + size] *= probabilities[:, parent, np.newaxis]
        return probabilities

    def best_classes(self, logits: NDArray[np.floating]) -> NDArray[np.int64]:
        """Turns `(N, classes)` logits into `(N,)` classes.

        Follows the most probable class from group to group, while the probability is above 0.5.
        The probabilities are already products along the branch; Darknet multiplies them along the
        branch again (hierarchy_top_prediction after hierarchy_predictions), and so does this.
        """
        children = np.full(len(self), -1)
        children[self.parents[self.offsets[1:]]] = np.arange(1, len(self.offsets))
        ends = np.append(self.offsets[1:], len(self))
        rows = self.probabilities(logits)
        return np.array([self._descend(row, children, ends) for row in rows], np.int64)

    def _descend(
        self, row: NDArray[np.float64], children: NDArray[np.int64], ends: NDArray[np.int64]
    ) -> int:
        probability, group = 1.0, 0
        while True:
            start = self.offsets[group]
            best = int(start + row[start : ends[group]].argmax())
            if probability * row[best] <= _THRESHOLD:
                return best if group == 0 else int(self.parents[start])
            probability *= row[best]
            group = children[best]
            if group < 0:
                return best


def parse_tree(text: str) -> ClassTree:
    """Reads a tree: one line per class, in the order of the names, with an id and a parent.

    The parent is a line, counted from 0, or -1 for none.

    Raises:
        CfgError: a line does not have this form, a parent does not come before its children, the
            children of one parent are not consecutive, or there are no classes.
    """
    parents: list[int] = []
    offsets: list[int] = []
    seen: set[int] = set()
    for number, line in enumerate(text.strip().splitlines(), 1):
        parent = _parent(number, line)
        if not -1 <= parent < len(parents):
            raise CfgError(f"tree, line {number}: the parent {parent} is not an earlier line")
        if not parents or parent != parents[-1]:
            if parent in seen:
                raise CfgError(f"tree, line {number}: the children of {parent} are not consecutive")
            offsets.append(len(parents))
            seen.add(parent)
        parents.append(parent)
    if not parents:
        raise CfgError("the tree has no classes")
    return ClassTree(np.array(parents, np.int64), np.array(offsets, np.int64))


def _parent(number: int, line: str) -> int:
    words = line.split()
    try:
        _, parent = words
        return int(parent)
    except ValueError:
        raise CfgError(
            f"tree, line {number}: '{line.strip()[:80]}' is not an id and its parent's line"
        ) from None
