"""Imports a Darknet network: `.cfg` text + `.weights` stream -> ONNX; start at `import_darknet`.

OpenCV 5 reads no Darknet files any more. The weights are read a layer at a time straight into
their places in the ONNX bytes, batch normalisation is folded into them there, and the exact number
of bytes is checked, which Darknet and OpenCV 4 never did.
"""

from __future__ import annotations

import struct
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .darknet_cfg import parse_cfg
from .darknet_layers import build_network
from .darknet_network import Convolution
from .errors import WeightsError
from .heads import HeadPerOutput
from .network import Network
from .preprocessing import Preprocessing


class WeightsStream(Protocol):
    """What a `.weights` is read from: a file, an S3 object's body."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Fills `buffer` from its start; returns how many bytes came, 0 at the end."""


_LETTERBOX_GREY = 127  # letterbox_image fills with 0.5
_EPSILON = 1e-6  # OpenCV's; Darknet has used 1e-6 (normalize_cpu) and 1e-5 (fuse_conv_batchnorm)


def import_darknet(
    cfg: str,
    weights: WeightsStream,
    *,
    input_size: tuple[int, int] | None = None,
    decoded: bool = False,
) -> Network:
    """Imports a detector.

    Args:
        cfg: the text of the `.cfg`.
        weights: the `.weights`, read once from front to back.
        input_size: (width, height) to run at, where it is not to be the cfg's own.
        decoded: whether the network itself decodes its boxes; see darknet_decoding.py.

    Raises:
        CfgError: the cfg is malformed, or asks for what is not supported.
        WeightsError: the stream holds fewer or more bytes than the cfg calls for, or numbers that
            no training leaves behind.
    """
    net, layers = parse_cfg(cfg)
    builder = build_network(net, layers, input_size)
    if decoded:
        from .darknet_decoding import add_decoding  # for exports alone; the function needs it not

        add_decoding(builder)
    onnx, places = builder.graph.serialise()
    reader = _WeightsReader(weights, sum(_count(layer) for layer in builder.convolutions))
    for convolution in builder.convolutions:
        _fill(convolution, places, reader)
    reader.finish()
    return Network(
        onnx,
        (builder.input.width, builder.input.height),
        tuple(builder.outputs),
        HeadPerOutput(tuple(builder.heads)),
        Preprocessing(
            resize="letterbox" if builder.letter_box else "stretch", padding=_LETTERBOX_GREY
        ),
    )


def _count(layer: Convolution) -> int:
    """How many float32 values the layer reads."""
    return int(np.prod(layer.kernel_shape)) + layer.filters * (4 if layer.batch_normalize else 1)


def _fill(
    layer: Convolution, places: dict[str, NDArray[np.float32]], reader: _WeightsReader
) -> None:
    """Reads one layer's weights, folding batch normalisation into kernel and bias.

    y = scale * (conv(x) - mean) / sqrt(variance + epsilon) + bias, so the kernel takes the factor
    scale / sqrt(variance + epsilon), and the bias loses mean times that factor.
    """
    where = f"section {layer.section.index} [{layer.section.kind}], line {layer.section.line}"
    parameters = np.empty((4 if layer.batch_normalize else 1, layer.filters), "<f4")
    reader.read_into(parameters, where)
    if not np.isfinite(parameters).all():
        raise WeightsError(f"{where}: the biases or batch norms are not finite numbers; {_ADVICE}")
    bias, kernel = places[layer.bias], places[layer.kernel]
    reader.read_into(kernel, where)
    if not layer.batch_normalize:
        bias[...] = parameters[0]
        return
    shift, scale, mean, variance = parameters.astype(np.float64)
    if (variance < 0).any():
        raise WeightsError(f"{where}: a variance is negative; {_ADVICE}")
    factor = scale / np.sqrt(variance + _EPSILON)
    bias[...] = shift - mean * factor
    kernel *= factor.astype(np.float32).reshape(-1, 1, 1, 1)


_ADVICE = "is this .weights of this .cfg, and whole?"


class _WeightsReader:
    """Reads a `.weights` from front to back, and knows how long it must be."""

    def __init__(self, stream: WeightsStream, values: int) -> None:
        self._stream = stream
        self._position = 0
        header = self._read_header()
        self._expected = len(header) + 4 * values

    def _read_header(self) -> bytes:
        """int32 major, minor, revision; then the images seen, int64 from version 0.2 on."""
        header = np.empty(12, np.uint8)
        if self._read(header) < 12:
            raise WeightsError(
                f"the weights end after {self._position} bytes, inside the header; {_ADVICE}"
            )
        major, minor, _ = struct.unpack("<3i", header.tobytes())
        if not (0 <= major < 1000 and 0 <= minor < 1000):
            raise WeightsError(
                f"the weights begin with version {major}.{minor}, which Darknet never wrote; "
                "is this a .weights file?"
            )
        seen = np.empty(8 if major * 10 + minor >= 2 else 4, np.uint8)
        self._read(seen)
        return header.tobytes() + seen.tobytes()

    def read_into(self, place: NDArray[np.float32], where: str) -> None:
        """Fills `place`, any shape, or raises WeightsError."""
        if self._read(place.reshape(-1).view(np.uint8)) < place.nbytes:
            raise WeightsError(
                f"the weights end after {self._position:,} bytes, in {where}; "
                f"the cfg calls for {self._expected:,}; {_ADVICE}"
            )

    def finish(self) -> None:
        """Checks that nothing is left."""
        rest = np.empty(1 << 16, np.uint8)
        while count := self._stream.readinto(rest.data):
            self._position += count
        if self._position > self._expected:
            raise WeightsError(
                f"the weights hold {self._position:,} bytes; the cfg calls for "
                f"{self._expected:,}; {_ADVICE}"
            )

    def _read(self, place: NDArray[np.uint8]) -> int:
        view = place.data
        done = 0
        while done < len(view):
            count = self._stream.readinto(view[done:])
            if not count:
                break
            done += count
        self._position += done
        return done
