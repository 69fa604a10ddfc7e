"""Adds the layers that detect objects, and their heads; `DETECTIONS` lists them by kind."""

from __future__ import annotations

from ..heads.darknet_gaussian_yolo import GaussianYoloHead
from ..heads.darknet_region import RegionHead
from ..heads.darknet_yolo import YoloHead
from .cfg import Section
from .network import AddLayer, Blob, NetworkBuilder
from .tree import ClassTree

_Anchors = tuple[tuple[float, float], ...]


def _add_yolo(network: NetworkBuilder, section: Section, previous: Blob) -> Blob:
    anchors, classes = _masked_anchors(section), _classes(section)
    _check_filters(section, previous, len(anchors), 5 + classes)
    scale, new_coords = section.number("scale_x_y", 1.0), section.integer("new_coords", 0) != 0
    network.add_head(section, YoloHead(anchors, classes, scale, new_coords), previous)
    return previous


def _add_gaussian_yolo(network: NetworkBuilder, section: Section, previous: Blob) -> Blob:
    anchors, classes = _masked_anchors(section), _classes(section)
    _check_filters(section, previous, len(anchors), 9 + classes)
    head = GaussianYoloHead(anchors, classes, section.number("scale_x_y", 1.0))
    network.add_head(section, head, previous)
    return previous


def _add_region(network: NetworkBuilder, section: Section, previous: Blob) -> Blob:
    if section.integer("softmax", 0) != 1:
        raise section.error("only softmax=1 is supported", "softmax")
    anchors, classes = _first_anchors(section), _classes(section)
    _check_filters(section, previous, len(anchors), 5 + classes)
    head = RegionHead(anchors, classes, _tree(network, section, classes))
    network.add_head(section, head, previous)
    return previous


def _classes(section: Section) -> int:
    return section.integer("classes", 20, least=1)


def _tree(network: NetworkBuilder, section: Section, classes: int) -> ClassTree | None:
    if "tree" not in section.options:
        return None
    name = section.options["tree"].value
    if network.tree is None:
        raise section.error(
            f"tree={name}: the tree of the classes is missing; put it into the model folder, "
            "as *.tree",
            "tree",
        )
    if len(network.tree) != classes:
        raise section.error(
            f"tree={name}: the tree has {len(network.tree)} classes; classes={classes}", "tree"
        )
    return network.tree


def _masked_anchors(section: Section) -> _Anchors:
    """Returns the anchors that `mask` names; without a mask, the first `num`.

    A mask may name anchors after the first `num`. Darknet would read past the end of its array.
    """
    if "mask" not in section.options:
        return _first_anchors(section)
    anchors = _anchors(section)
    mask = section.integers("mask")
    for index in mask:
        if not 0 <= index < len(anchors):
            raise section.error(
                f"mask: there is no anchor {index}; they are 0 to {len(anchors) - 1}", "mask"
            )
    return tuple(anchors[index] for index in mask)


def _first_anchors(section: Section) -> _Anchors:
    """Returns the first `num` anchors; as in Darknet, the list may be longer."""
    total = section.integer("num", 1, least=1)
    anchors = _anchors(section)
    if len(anchors) < total:
        raise section.error(
            f"num={total} calls for {2 * total} numbers in anchors; found {2 * len(anchors)}",
            "anchors",
        )
    return anchors[:total]


def _anchors(section: Section) -> _Anchors:
    """Returns all anchors, (width, height) each.

    If a comma is missing, two numbers become one, as in Darknet, which removes the spaces first.
    The last height is then missing, and is 0.5, the initial value in make_yolo_layer.
    """
    flat = section.numbers("anchors")
    if len(flat) % 2:
        flat += (0.5,)
    return tuple(zip(flat[::2], flat[1::2], strict=True))


def _check_filters(section: Section, previous: Blob, anchors: int, numbers: int) -> None:
    filters = anchors * numbers
    if previous.channels != filters:
        raise section.error(
            f"{anchors} anchors with {numbers} numbers each call for filters={filters} in the "
            f"layer before; found {previous.channels}"
        )


DETECTIONS: dict[str, AddLayer] = {
    "Gaussian_yolo": _add_gaussian_yolo,
    "region": _add_region,
    "yolo": _add_yolo,
}
