"""YOLO9000's tree of classes: text -> `ClassTree`, which turns logits into classes.

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
    """Classes that are kinds of other classes; those of one parent, a group, exclude each other.

    parents: `(classes,)`, each class's parent, -1 for none; a parent comes before its children,
    and the children of one parent stand together. offsets: `(groups,)`, each group's first class.
    """

    parents: NDArray[np.int64]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.parents)

    def probabilities(self, logits: NDArray[np.floating]) -> NDArray[np.float64]:
        """`(N, classes)` logits -> probabilities: a softmax a group, times the parent's."""
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
        """`(N, classes)` logits -> `(N,)`: down the likeliest branch, as far as it is sure enough.

        Darknet multiplies the probabilities along the branch, which are products already, once
        more (hierarchy_top_prediction after hierarchy_predictions); so does this.
        """
        children = np.full(len(self), -1)
        children[self.parents[self.offsets[1:]]] = np.arange(1, len(self.offsets))
        ends = np.append(self.offsets[1:], len(self))
        rows = self.probabilities(logits)
        return np.array([self._descend(row, children, ends) for row in rows], np.int64)

    def _descend(
        self, row: NDArray[np.float64], children: NDArray[np.int64], ends: NDArray[np.int64]
    ) -> int:
        sure, group = 1.0, 0
        while True:
            start = self.offsets[group]
            best = int(start + row[start : ends[group]].argmax())
            if sure * row[best] <= _THRESHOLD:
                return best if group == 0 else int(self.parents[start])
            sure *= row[best]
            group = children[best]
            if group < 0:
                return best


def parse_tree(text: str) -> ClassTree:
    """Reads a tree: a class a line, in the order of the names: its id, and its parent's line.

    Lines count from 0; -1 is no parent.

    Raises:
        CfgError: a line that is not of this form, a parent that does not come before, the
            children of one parent in two places, or no classes.
    """
    parents: list[int] = []
    offsets: list[int] = []
    seen: set[int] = set()
    for number, line in enumerate(text.strip().splitlines(), 1):
        parent = _parent(number, line)
        if not -1 <= parent < len(parents):
            raise CfgError(f"tree, line {number}: the parent {parent} does not come before")
        if not parents or parent != parents[-1]:
            if parent in seen:
                raise CfgError(
                    f"tree, line {number}: the children of {parent} do not stand together"
                )
            offsets.append(len(parents))
            seen.add(parent)
        parents.append(parent)
    if not parents:
        raise CfgError("the tree holds no classes")
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
