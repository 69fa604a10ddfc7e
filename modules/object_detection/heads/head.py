"""What a head is: it decodes a network's raw outputs into `Candidates`; see `Head`.

Each head has a file in this folder. `registry.py` lists those that model.json can name; Darknet's
heads follow from the sections of a cfg (darknet/detections.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .candidates import Candidates

Raw = Sequence[NDArray[np.float32]]
Anchors = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class HeadSummary:
    """How `models inspect` shows a head.

    name: the word for `head` in model.json, or a Darknet section's name. family: the networks that
    have such a head. anchors: for each output, (width, height) in pixels of the input, or in
    cells if anchors_in_cells; empty for heads without anchors. left_out: what the network finds
    besides boxes, in the plural, which is not read; "" if there is nothing.
    """

    name: str
    family: str
    anchors: tuple[Anchors, ...] = ()
    anchors_in_cells: bool = False
    left_out: str = ""


class Head(Protocol):
    """What a detector needs to know about a network's outputs."""

    @property
    def classes(self) -> int:
        """The number of classes."""

    @property
    def suppressed(self) -> bool:
        """Whether the network itself has suppressed overlapping boxes."""

    @property
    def summary(self) -> HeadSummary:
        """How `models inspect` shows the head."""

    def decode(
        self,
        raw: Raw,
        input_size: tuple[int, int],
        confidence: float,
        *,
        multi_label: bool = False,
    ) -> Candidates:
        """Decodes one image's raw outputs, and keeps candidates above `confidence`.

        A head that has class scores passes `multi_label` to `choose_classes`; one whose network
        has already chosen the classes ignores it.

        Args:
            raw: the outputs that the head reads, in their order; each has a batch axis of 1.
            input_size: (width, height) of the network's input in pixels.
            confidence: 0 to 1.
            multi_label: whether a box counts for every class above `confidence`, not only for the
                most probable one.
        """


@dataclass(frozen=True)
class HeadPerOutput:
    """A head made of parts, one for each output; all parts have the same classes."""

    parts: tuple[Head, ...]
    suppressed: bool = False

    @property
    def classes(self) -> int:
        """The number of classes."""
        return self.parts[0].classes

    @property
    def summary(self) -> HeadSummary:
        """The first part's summary, with the anchors of all parts."""
        first = self.parts[0].summary
        anchors = tuple(level for part in self.parts for level in part.summary.anchors)
        return HeadSummary(first.name, first.family, anchors, first.anchors_in_cells)

    def decode(
        self,
        raw: Raw,
        input_size: tuple[int, int],
        confidence: float,
        *,
        multi_label: bool = False,
    ) -> Candidates:
        """Decodes each output with its part; see `Head.decode`."""
        return Candidates.concatenate(
            [
                part.decode([output], input_size, confidence, multi_label=multi_label)
                for part, output in zip(self.parts, raw, strict=True)
            ]
        )
