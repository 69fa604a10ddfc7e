from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.errors import CfgError
from modules.object_detection.darknet.tree import parse_tree

# An object is an animal or a vehicle; an animal is a cat, dog or bird; a dog is a hound or poodle
TREE = """\
animal -1
vehicle -1
cat 0
dog 0
bird 0
hound 3
poodle 3
"""


@dataclass
class DarknetTree:
    """A copy of Darknet's tree, built as in read_tree in tree.c."""

    parent: list[int]
    child: list[int]
    group_offset: list[int]
    group_size: list[int]

    def __init__(self, text: str) -> None:
        self.parent, self.child, self.group_offset, self.group_size = [], [], [], []
        last_parent, group_size, groups = -1, 0, 0
        for n, line in enumerate(text.splitlines()):
            parent = int(line.split()[1])
            self.parent.append(parent)
            self.child.append(-1)
            if parent != last_parent:
                groups += 1
                self.group_offset.append(n - group_size)
                self.group_size.append(group_size)
                group_size = 0
                last_parent = parent
            if parent >= 0:
                self.child[parent] = groups
            group_size += 1
        self.group_offset.append(len(self.parent) - group_size)
        self.group_size.append(group_size)

    def predictions(self, logits: list[float]) -> list[float]:
        """Applies softmax_tree, then hierarchy_predictions."""
        out: list[float] = []
        for offset, size in zip(self.group_offset, self.group_size, strict=True):
            powers = np.exp(np.array(logits[offset : offset + size], np.float64))
            out += (powers / powers.sum()).tolist()
        for j, parent in enumerate(self.parent):
            if parent >= 0:
                out[j] *= out[parent]
        return out

    def top(self, predictions: list[float], thresh: float) -> int:
        """Copies hierarchy_top_prediction."""
        p, group = 1.0, 0
        while True:
            max_, max_i = 0.0, 0
            for i in range(self.group_size[group]):
                index = i + self.group_offset[group]
                if predictions[index] > max_:
                    max_, max_i = predictions[index], index
            if p * max_ > thresh:
                p *= max_
                group = self.child[max_i]
                if group < 0:
                    return max_i
            elif group == 0:
                return max_i
            else:
                return self.parent[self.group_offset[group]]


@pytest.mark.parametrize(
    ("logits", "best"),
    [
        ([9, 0, 0, 9, 0, 9, 0], 5),  # an animal, a dog, a hound
        ([9, 0, 0, 9, 0, 1, 1], 3),  # a dog, but which kind is unclear
        ([9, 0, 1, 1, 1, 9, 0], 0),  # an animal, but which kind is unclear
        ([0, 9, 0, 9, 0, 9, 0], 1),  # a vehicle, which has no kinds
        ([0, 0, 9, 0, 0, 0, 0], 0),  # no class is above the threshold
    ],
)
def test_the_class_is_the_most_specific_one_above_the_threshold(
    logits: list[float], best: int
) -> None:
    assert parse_tree(TREE).best_classes(np.array([logits])).tolist() == [best]


@st.composite
def trees(draw: st.DrawFn) -> str:
    """Generates trees of about 40 classes at most, breadth first."""
    lines = [f"n{index} -1" for index in range(draw(st.integers(1, 5)))]
    for parent in range(40):
        if parent >= len(lines) or len(lines) > 40:
            break
        children = draw(st.integers(0, 4))
        lines += [f"n{len(lines) + index} {parent}" for index in range(children)]
    return "\n".join(lines) + "\n"


@given(trees(), st.integers(0, 2**32 - 1), st.sampled_from([0.3, 3.0, 12.0]))
def test_probabilities_and_classes_equal_darknets(text: str, seed: int, spread: float) -> None:
    tree, oracle = parse_tree(text), DarknetTree(text)
    logits = np.random.default_rng(seed).normal(0, spread, (3, len(tree)))

    predictions = [oracle.predictions(row) for row in logits.tolist()]
    np.testing.assert_allclose(tree.probabilities(logits), predictions, rtol=1e-9)
    expected = [oracle.top(row, 0.5) for row in predictions]
    assert tree.best_classes(logits).tolist() == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the tree has no classes"),
        ("animal\n", "tree, line 1: 'animal' is not an id and its parent's line"),
        ("animal one\n", "tree, line 1: 'animal one' is not an id and its parent's line"),
        ("animal 0\n", "tree, line 1: the parent 0 is not an earlier line"),
        ("a -1\nb -2\n", "tree, line 2: the parent -2 is not an earlier line"),
        (TREE + "car 1\nowl 0\n", "tree, line 9: the children of 0 are not consecutive"),
    ],
)
def test_a_malformed_tree_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(CfgError) as error:
        parse_tree(text)

    assert message in str(error.value)
