"""Merges what was found in overlapping slices of an image; start at `merge`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .detections import Detections

# All values: benchmarks/slices.md
_SAME = 0.4  # intersection over union from which on two boxes are one object
_PART = 0.6  # intersection over the smaller box from which on a cut box is a part of another one
_CUT_RANK = 0.5  # of a cut box's confidence, where boxes are ranked
_SEAM = 1 / 80  # of a slice's longer side: a box that comes so near to a seam is cut by it


@dataclass(frozen=True)
class Found:
    """What one pass of the network found, in the whole image or in a slice.

    detections: in pixels of the image. is_cut: `(N,)`, whether the box ends at a seam: a side of
    the slice that is not one of the image, so that it may be a part of an object.
    """

    detections: Detections
    is_cut: NDArray[np.bool_]

    @staticmethod
    def in_slice(
        detections: Detections, rectangle: tuple[int, int, int, int], size: tuple[int, int]
    ) -> Found:
        """Moves detections from pixels of a slice to pixels of the image.

        Args:
            detections: as found in the slice.
            rectangle: the slice: left, top, right, bottom in pixels of the image.
            size: (width, height) of the image.
        """
        left, top, right, bottom = rectangle
        near = _SEAM * max(right - left, bottom - top)
        boxes = detections.boxes + np.array([left, top, left, top], np.float32)
        seams = np.array([left > 0, top > 0, right < size[0], bottom < size[1]])
        distances = np.abs(boxes - np.array(rectangle, np.float32))
        is_cut = np.asarray((seams & (distances <= near)).any(axis=1))
        return Found(Detections(boxes, detections.confidences, detections.class_ids), is_cut)


def merge(found: Sequence[Found]) -> Detections:
    """Merges the detections of several passes, class by class, into those of the image.

    Boxes of one pass are never compared: they have been suppressed already. Of two passes' boxes

    - that overlap by more than `_SAME`, one is left, which is the mean of both, weighted by their
      confidences (R. Solovyev, W. Wang, T. Gabruseva, "Weighted boxes fusion", 2021,
      arxiv.org/abs/1910.13302);
    - of which one is cut by a seam and lies in the other by more than `_PART`, the cut one is
      dropped. Akyon et al. (slicing.py) compare all boxes so, which drops objects in groups.

    The best box comes first. Cut boxes rank behind others of up to twice their confidence.
    """
    boxes = np.concatenate([each.detections.boxes for each in found])
    confidences = np.concatenate([each.detections.confidences for each in found])
    class_ids = np.concatenate([each.detections.class_ids for each in found])
    is_cut = np.concatenate([each.is_cut for each in found])
    passes = np.repeat(np.arange(len(found)), [len(each.detections) for each in found])
    rank = np.lexsort((passes, -confidences * np.where(is_cut, _CUT_RANK, 1)))
    merged = boxes.copy()
    kept: list[int] = []
    for class_id in np.unique(class_ids):
        left = rank[class_ids[rank] == class_id]
        while len(left):
            best, left = int(left[0]), left[1:]
            same, part = _compare(boxes[best], boxes[left])
            other = passes[left] != passes[best]
            same &= other
            part &= other & is_cut[left]
            members = np.append(left[same], best)
            weights = confidences[members, np.newaxis]
            merged[best] = (boxes[members] * weights).sum(axis=0) / weights.sum()
            kept.append(best)
            left = left[~(same | part)]
    return Detections(merged[kept], confidences[kept], class_ids[kept]).best_first()


def _compare(
    box: NDArray[np.float32], others: NDArray[np.float32]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Returns which of others, `(N, 4)`, show the same as a box, `(4,)`, or a part of it."""
    first, second = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    shared = (second - first).clip(0).prod(axis=1)
    area, areas = (box[2:] - box[:2]).prod(), (others[:, 2:] - others[:, :2]).prod(axis=1)
    return shared > _SAME * (area + areas - shared), shared > _PART * np.minimum(area, areas)
