"""The network that a Darknet `.cfg` describes, in PyTorch; start at `DarknetNetwork`.

Only training needs it. It writes what it learned as `.weights`, in Darknet's own format.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor, nn

from modules.object_detection.darknet.cfg import Section, parse_cfg

_EPSILON = 1e-6  # the importer adds it to a variance, too
_VERSION = (0, 2, 5)  # of the weights' format, which stores the images seen as int64


@dataclass(frozen=True)
class YoloLayer:
    """A `[yolo]` layer.

    source: the number of the layer that feeds it. anchors: (width, height) in pixels of the input.
    scale_x_y: as in the cfg.
    """

    source: int
    anchors: tuple[tuple[float, float], ...]
    classes: int
    scale_x_y: float


class DarknetNetwork(nn.Module):
    """The layers of a cfg: convolutional, maxpool, route, shortcut, upsample and yolo."""

    def __init__(self, cfg: str) -> None:
        """Builds the layers.

        Raises:
            CfgError: the cfg is malformed, or has layers of other kinds.
        """
        super().__init__()
        net, self._sections = parse_cfg(cfg)
        self.width, self.height = net.integer("width"), net.integer("height")
        self.layers = nn.ModuleList()
        self.heads: list[YoloLayer] = []
        channels: list[int] = []
        for section in self._sections:
            before = channels[-1] if channels else net.integer("channels")
            if section.kind == "convolutional":
                self.layers.append(_convolution(section, before))
                before = section.integer("filters")
            elif section.kind == "maxpool":
                size = section.integer("size")
                self.layers.append(nn.MaxPool2d(size, section.integer("stride"), (size - 1) // 2))
            elif section.kind == "upsample":
                self.layers.append(nn.Upsample(scale_factor=section.integer("stride")))
            elif section.kind == "route":
                self.layers.append(nn.Identity())
                before = sum(channels[source] for source in _sources(section, "layers"))
            elif section.kind in ("shortcut", "yolo"):
                self.layers.append(nn.Identity())
            else:
                raise section.error("this kind of layer cannot be trained here")
            if section.kind == "yolo":
                self.heads.append(_yolo(section))
            channels.append(before)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Returns the raw output of each `[yolo]` layer, `(N, A * (5 + classes), H, W)`.

        images: `(N, 3, height, width)` float32 RGB from 0 to 1.
        """
        outputs: list[Tensor] = []
        found = []
        value = images
        for section, layer in zip(self._sections, self.layers, strict=True):
            if section.kind == "route":
                value = torch.cat([outputs[at] for at in _sources(section, "layers")], 1)
            elif section.kind == "shortcut":
                value = value + outputs[_sources(section, "from")[0]]
            elif section.kind == "yolo":
                found.append(value)
            else:
                value = layer(value)
            outputs.append(value)
        return found

    def write_weights(self, path: Path, seen: int) -> None:
        """Writes the `.weights`; `seen` is the number of images that were trained on."""
        with path.open("wb") as file:
            file.write(struct.pack("<3iq", *_VERSION, seen))
            for layer in self.layers:
                if isinstance(layer, nn.Sequential):
                    _write(layer, file)


def _convolution(section: Section, channels: int) -> nn.Sequential:
    size = section.integer("size")
    filters = section.integer("filters")
    normalised = section.integer("batch_normalize", 0) == 1
    layers: list[nn.Module] = [
        nn.Conv2d(
            channels,
            filters,
            size,
            section.integer("stride", 1),
            size // 2 if section.integer("pad", 0) else section.integer("padding", 0),
            groups=section.integer("groups", 1),
            bias=not normalised,
        )
    ]
    if normalised:
        layers.append(nn.BatchNorm2d(filters, eps=_EPSILON, momentum=0.03))
    activation = section.word("activation", "logistic", _ACTIVATIONS)
    layers.append(_ACTIVATIONS[activation]())
    return nn.Sequential(*layers)


_ACTIVATIONS = {
    "linear": nn.Identity,
    "leaky": lambda: nn.LeakyReLU(0.1, inplace=True),
    "relu": lambda: nn.ReLU(inplace=True),
}


def _yolo(section: Section) -> YoloLayer:
    values = section.numbers("anchors")
    pairs = list(zip(values[::2], values[1::2], strict=True))
    return YoloLayer(
        section.index - 1,
        tuple(pairs[number] for number in section.integers("mask")),
        section.integer("classes"),
        section.number("scale_x_y", 1.0),
    )


def _sources(section: Section, option: str) -> list[int]:
    """Returns the numbers of the layers that a section refers to; the first layer is 0."""
    return [at if at >= 0 else section.index + at for at in section.integers(option)]


def _write(layer: nn.Sequential, file: BinaryIO) -> None:
    """Writes biases, [scales, means, variances], kernels: Darknet's order (parser.c)."""
    convolution, following = layer[0], layer[1]
    if isinstance(following, nn.BatchNorm2d):
        parts = [following.bias, following.weight, following.running_mean, following.running_var]
    else:
        parts = [convolution.bias]
    for part in (*parts, convolution.weight):
        file.write(part.detach().cpu().numpy().astype("<f4").tobytes())
