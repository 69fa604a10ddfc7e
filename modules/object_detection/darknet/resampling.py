"""Layers of a Darknet network that change its width and height, or fold its channels.

As ONNX nodes; `RESAMPLERS` lists them by kind. Each is `_add_<kind>`; see layers.py.
"""

from __future__ import annotations

from collections.abc import Callable

from .cfg import Section
from .network import Blob, NetworkBuilder

LARGEST_WINDOW = 1024  # the largest known has 13; engines take memory by the square


def strides(section: Section) -> tuple[int, int]:
    """How far a window moves, across and down."""
    stride = section.integer("stride", 1, least=1)
    return (
        section.integer("stride_x", stride, least=1),
        section.integer("stride_y", stride, least=1),
    )


def check_extent(section: Section, previous: Blob, height: int, width: int) -> None:
    """Refuses a layer of which nothing is left."""
    if height < 1 or width < 1:
        raise section.error(f"nothing is left of an input of {previous.width} x {previous.height}")


def _add_maxpool(network: NetworkBuilder, section: Section, previous: Blob) -> Blob:
    if section.integer("maxpool_depth", 0):
        return _add_maxpool_depth(network, section, previous)
    return _add_pool(network, section, previous, "MaxPool")


def _add_maxpool_depth(network: NetworkBuilder, section: Section, previous: Blob) -> Blob:
    """The largest of every `out_channels`-th channel."""
    channels = section.integer("out_channels", 1, least=1)
    if previous.channels % channels:
        raise section.error(
            f"out_channels={channels} does not divide {previous.channels} channels", "out_channels"
        )
    name = previous.name
    if previous.channels > channels:
        slices = [
            network.slice_channels(previous, start, start + channels)
            for start in range(0, previous.channels, channels)
        ]
        name = network.graph.node("Max", slices, name=f"maxpool_{section.index}")
    return Blob(name, channels, previous.height, previous.width)


def _add_local_avgpool(network: NetworkBuilder, section: Section, previous: Blob) -> Blob:
    return _add_pool(network, section, previous, "AveragePool", count_include_pad=0)


def _add_pool(
    network: NetworkBuilder, section: Section, previous: Blob, operator: str, **attributes: int
) -> Blob:
    stride_x, stride_y = strides(section)
    size = section.integer(
        "size", section.integer("stride", 1, least=1), least=1, most=LARGEST_WINDOW
    )
    padding = section.integer("padding", size - 1, least=0)
    # `padding` is the sum of both sides; the first window starts at -padding/2, rounded down
    before, after = padding // 2, padding - padding // 2
    if after >= size:
        raise section.error(f"padding={padding} leaves windows of {size} empty", "padding")
    height = (previous.height + padding - size) // stride_y + 1
    width = (previous.width + padding - size) // stride_x + 1
    check_extent(section, previous, height, width)
    name = network.graph.node(
        operator,
        [previous.name],
        name=f"{section.kind}_{section.index}",
        kernel_shape=(size, size),
        strides=(stride_y, stride_x),
        pads=(before, before, after, after),
        **attributes,
    )
    return Blob(name, previous.channels, height, width)


def _add_avgpool(network: NetworkBuilder, section: Section, previous: Blob) -> Blob:
    name = network.graph.node("GlobalAveragePool", [previous.name])
    return Blob(name, previous.channels, 1, 1)


def _add_upsample(network: NetworkBuilder, section: Section, previous: Blob) -> Blob:
    stride = section.integer("stride", 2, least=1)
    scale = section.number("scale", 1.0)
    name = network.graph.node(
        "Resize",
        [previous.name, "", network.graph.floats(1.0, 1.0, float(stride), float(stride))],
        name=f"upsample_{section.index}",
        mode="nearest",
        nearest_mode="floor",
        coordinate_transformation_mode="asymmetric",
    )
    if scale != 1.0:
        name = network.graph.node("Mul", [name, network.graph.floats(scale)])
    return Blob(name, previous.channels, previous.height * stride, previous.width * stride)


def _add_reorg(network: NetworkBuilder, section: Section, previous: Blob) -> Blob:
    """Space to depth, in the order that YOLOv2 was trained with.

    reorg_cpu reads its input as if that were the larger, shallower side, C/s^2 x sH x sW, takes
    every s-th pixel of that, and the outcome, C x H x W, is then read as s^2 C x H/s x W/s.
    """
    stride = section.integer("stride", 1, least=1)
    if previous.channels % stride**2:
        raise section.error(
            f"the square of stride={stride} does not divide {previous.channels} channels", "stride"
        )
    shallow = Blob(
        previous.name,
        previous.channels // stride**2,
        previous.height * stride,
        previous.width * stride,
    )
    return _space_to_depth(network, section, shallow, previous, stride)


def _add_reorg3d(network: NetworkBuilder, section: Section, previous: Blob) -> Blob:
    """Space to depth as it is meant: s^2 C x H/s x W/s, with all channels of one pixel together."""
    stride = section.integer("stride", 1, least=1)
    return _space_to_depth(network, section, previous, previous, stride)


def _space_to_depth(
    network: NetworkBuilder, section: Section, read_as: Blob, previous: Blob, stride: int
) -> Blob:
    """Takes the pixels apart of what the layer before holds, read in another shape."""
    if previous.height % stride or previous.width % stride:
        raise section.error(f"stride={stride} does not divide {previous} across and down", "stride")
    graph = network.graph
    rows, columns = read_as.height // stride, read_as.width // stride
    pixels = graph.integers(read_as.channels, rows, stride, columns, stride)
    name = graph.node("Reshape", [previous.name, pixels])
    name = graph.node("Transpose", [name], perm=(2, 4, 0, 1, 3))
    blob = Blob(
        "", previous.channels * stride**2, previous.height // stride, previous.width // stride
    )
    name = graph.node("Reshape", [name, graph.integers(*blob.shape)], name=f"reorg_{section.index}")
    return Blob(name, blob.channels, blob.height, blob.width)


RESAMPLERS: dict[str, Callable[[NetworkBuilder, Section, Blob], Blob]] = {
    "avgpool": _add_avgpool,
    "local_avgpool": _add_local_avgpool,
    "maxpool": _add_maxpool,
    "reorg": _add_reorg,
    "reorg3d": _add_reorg3d,
    "upsample": _add_upsample,
}
