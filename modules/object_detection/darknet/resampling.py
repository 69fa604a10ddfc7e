"""Adds the layers that pool, upsample or rearrange pixels; `RESAMPLERS` lists them by kind."""

from __future__ import annotations

from .cfg import Section
from .network import AddLayer, Blob, NetworkBuilder

MAX_WINDOW = 1024  # pixels; the largest known is 13, and engines need memory by the square


def strides(section: Section) -> tuple[int, int]:
    """Returns the steps of a window, (x, y) in pixels."""
    stride = section.integer("stride", 1, least=1)
    return (
        section.integer("stride_x", stride, least=1),
        section.integer("stride_y", stride, least=1),
    )


def check_not_empty(section: Section, previous: Blob, height: int, width: int) -> None:
    """Refuses a layer whose output is empty."""
    if height < 1 or width < 1:
        raise section.error(
            f"its output is empty for an input of {previous.width} x {previous.height}"
        )


def _add_maxpool(network: NetworkBuilder, section: Section, previous: Blob) -> Blob:
    if section.integer("maxpool_depth", 0):
        return _add_maxpool_depth(network, section, previous)
    return _add_pool(network, section, previous, "MaxPool")


def _add_maxpool_depth(network: NetworkBuilder, section: Section, previous: Blob) -> Blob:
    """Takes the maximum over every `out_channels`-th channel."""
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
    size = section.integer("size", section.integer("stride", 1, least=1), least=1, most=MAX_WINDOW)
    padding = section.integer("padding", size - 1, least=0)
    # `padding` is the sum of both sides; the first window starts at -(padding // 2)
    before, after = padding // 2, padding - padding // 2
    if after >= size:
        raise section.error(
            f"padding={padding} is too large: it leaves windows of size {size} empty", "padding"
        )
    height = (previous.height + padding - size) // stride_y + 1
    width = (previous.width + padding - size) // stride_x + 1
    check_not_empty(section, previous, height, width)
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
    """Moves pixels into channels (space to depth), in the order that YOLOv2 was trained with.

    reorg_cpu reads its input, C x H x W, as if its shape were C/s^2 x sH x sW, and takes every
    s-th pixel of that. The result, C x H x W again, is then read as s^2 C x H/s x W/s.
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
    """Moves pixels into channels as usual: s^2 C x H/s x W/s, each pixel's channels together."""
    stride = section.integer("stride", 1, least=1)
    return _space_to_depth(network, section, previous, previous, stride)


def _space_to_depth(
    network: NetworkBuilder, section: Section, read_as: Blob, previous: Blob, stride: int
) -> Blob:
    """Moves the pixels of the layer before, read in the shape of `read_as`, into channels."""
    if previous.height % stride or previous.width % stride:
        raise section.error(
            f"stride={stride} does not divide the width and height of {previous}", "stride"
        )
    graph = network.graph
    rows, columns = read_as.height // stride, read_as.width // stride
    pixels = graph.integers(read_as.channels, rows, stride, columns, stride)
    name = graph.node("Reshape", [previous.name, pixels])
    name = graph.node("Transpose", [name], perm=(2, 4, 0, 1, 3))
    output = Blob(
        f"reorg_{section.index}",
        previous.channels * stride**2,
        previous.height // stride,
        previous.width // stride,
    )
    graph.node("Reshape", [name, graph.integers(*output.shape)], name=output.name)
    return output


RESAMPLERS: dict[str, AddLayer] = {
    "avgpool": _add_avgpool,
    "local_avgpool": _add_local_avgpool,
    "maxpool": _add_maxpool,
    "reorg": _add_reorg,
    "reorg3d": _add_reorg3d,
    "upsample": _add_upsample,
}
