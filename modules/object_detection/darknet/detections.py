"""The detecting layers of a Darknet network: sections -> heads; `DETECTIONS` lists them by kind.

Each is `_add_<kind>`; see layers.py.
"""

from __future__ import annotations

from collections.abc import Callable

from ..heads.darknet_heads import GaussianYoloHead, RegionHead, YoloHead
from .cfg import Section
from .network import Blob, NetworkBuilder
from .tree import ClassTree

_Anchors = tuple[tuple[float, float], ...]


def _add_yolo(network: NetworkBuilder, section: Section, previous: Blob) -> Blob:
    anchors, classes = _masked_anchors(section), section.integer("classes", 20, least=1)
    _check_filters(section, previous, len(anchors), 5 + classes)
    scale, new_coords = section.number("scale_x_y", 1.0), section.integer("new_coords", 0) != 0
    network.add_head(section, YoloHead(anchors, classes, scale, new_coords), previous)
    return previous


def _add_gaussian_yolo(network: NetworkBuilder, section: Section, previous: Blob) -> Blob:
    anchors, classes = _masked_anchors(section), section.integer("classes", 20, least=1)
    _check_filters(section, previous, len(anchors), 9 + classes)
    head = GaussianYoloHead(anchors, classes, section.number("scale_x_y", 1.0))
    network.add_head(section, head, previous)
    return previous


def _add_region(network: NetworkBuilder, section: Section, previous: Blob) -> Blob:
    if section.integer("softmax", 0) != 1:
        raise section.error("only softmax=1 is supported", "softmax")
    anchors, classes = _first_anchors(section), section.integer("classes", 20, least=1)
    _check_filters(section, previous, len(anchors), 5 + classes)
    head = RegionHead(anchors, classes, _tree(network, section, classes))
    network.add_head(section, head, previous)
    return previous


def _tree(network: NetworkBuilder, section: Section, classes: int) -> ClassTree | None:
    if "tree" not in section.options:
        return None
    name = section.options["tree"].value
    if network.tree is None:
        raise section.error(
            f"tree={name}: the tree of the classes is missing; it belongs beside the cfg, *.tree",
            "tree",
        )
    if len(network.tree) != classes:
        raise section.error(
            f"tree={name}: the tree has {len(network.tree)} classes; classes={classes}", "tree"
        )
    return network.tree


def _masked_anchors(section: Section) -> _Anchors:
    """Those that `mask` names; without one, the first `num`.

    A mask may go past `num`, as far as there are anchors, where Darknet would read what happens to
    lie behind its array.
    """
    if "mask" not in section.options:
        return _first_anchors(section)
    anchors = _anchors(section)
    mask = section.integers("mask")
    for index in mask:
        if not 0 <= index < len(anchors):
            raise section.error(
                f"mask: {index} is not from 0 to {len(anchors) - 1}, the last anchor", "mask"
            )
    return tuple(anchors[index] for index in mask)


def _first_anchors(section: Section) -> _Anchors:
    """The first `num` of the list; as in Darknet, it may be longer."""
    total = section.integer("num", 1, least=1)
    anchors = _anchors(section)
    if len(anchors) < total:
        raise section.error(
            f"num={total} calls for {2 * total} numbers in anchors; found {2 * len(anchors)}",
            "anchors",
        )
    return anchors[:total]


def _anchors(section: Section) -> _Anchors:
    """All pairs of (width, height).

    Where a comma is missing, two numbers run together, as they do in Darknet, which strips the
    spaces first: the last height is then 0.5, with which make_yolo_layer begins.
    """
    flat = section.numbers("anchors")
    if len(flat) % 2:
        flat += (0.5,)
    return tuple(zip(flat[::2], flat[1::2], strict=True))


def _check_filters(section: Section, previous: Blob, anchors: int, of_anchor: int) -> None:
    filters = anchors * of_anchor
    if previous.channels != filters:
        raise section.error(
            f"{anchors} anchors of {of_anchor} numbers each call for filters={filters} in the "
            f"layer before; found {previous.channels}"
        )


DETECTIONS: dict[str, Callable[[NetworkBuilder, Section, Blob], Blob]] = {
    "Gaussian_yolo": _add_gaussian_yolo,
    "region": _add_region,
    "yolo": _add_yolo,
}
