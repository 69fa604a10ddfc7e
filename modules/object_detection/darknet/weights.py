"""Reads a Darknet `.weights` into the tensors of an ONNX model; start at `read_weights`.

Each layer reads its weights, in the order of the file, straight into the model's bytes. There it
does what Darknet does after loading: it folds batch normalisation, makes xnor kernels binary, and
normalises a shortcut's weights. The exact number of bytes is checked, which Darknet and OpenCV 4
never did.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...errors import WeightsError
from .cfg import Section

_BATCH_NORM_EPSILON = 1e-6  # OpenCV's; Darknet has used 1e-6 (normalize_cpu) and 1e-5 (fusing)
_SHORTCUT_EPSILON = 1e-4  # shortcut_multilayer_cpu's
_ADVICE = "does this .weights belong to this .cfg, and is it complete?"

# The tensors of the ONNX model, by name
Places = Mapping[str, NDArray[np.float32]]
Read = Callable[[NDArray[np.float32]], None]


class WeightsStream(Protocol):
    """A source of a `.weights`, such as a file or the body of an S3 object."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Reads up to `len(buffer)` bytes into it; returns their number, 0 at the end."""


class LayerWeights(Protocol):
    """The weights that one layer reads from the file."""

    @property
    def section(self) -> Section:
        """The layer's section in the cfg."""

    @property
    def values(self) -> int:
        """The number of float32 values in the file."""

    def fill(self, places: Places, read: Read) -> None:
        """Reads the values, array by array, and fills the layer's tensors in `places`.

        Raises:
            WeightsError: the file ends too early, or there are values that no training produces.
        """


@dataclass(frozen=True)
class Convolution:
    """The weights of a `[convolutional]`: biases, [scales, means, variances], kernels."""

    section: Section
    kernel_shape: tuple[int, int, int, int]
    batch_normalize: bool
    xnor: bool = False

    @property
    def filters(self) -> int:
        """The number of filters, which is also the number of biases."""
        return self.kernel_shape[0]

    @property
    def kernel(self) -> str:
        """The name of the kernel's tensor in the graph."""
        return f"kernel_{self.section.index}"

    @property
    def bias(self) -> str:
        """The name of the biases' tensor in the graph."""
        return f"bias_{self.section.index}"

    @property
    def values(self) -> int:
        """See `LayerWeights`."""
        return math.prod(self.kernel_shape) + self.filters * (4 if self.batch_normalize else 1)

    def fill(self, places: Places, read: Read) -> None:
        """See `LayerWeights`; folds batch normalisation, then makes an xnor kernel binary.

        y = scale * (conv(x) - mean) / sqrt(variance + epsilon) + bias. So the kernel is multiplied
        by factor = scale / sqrt(variance + epsilon), and mean * factor is subtracted from the bias.
        """
        parameters = np.empty((4 if self.batch_normalize else 1, self.filters), "<f4")
        read(parameters)
        _check_finite(parameters, "biases or batch norms")
        bias, kernel = places[self.bias], places[self.kernel]
        read(kernel)
        if self.batch_normalize:
            shift, scale, mean, variance = parameters.astype(np.float64)
            if (variance < 0).any():
                raise WeightsError(f"a variance is negative; {_ADVICE}")
            factor = scale / np.sqrt(variance + _BATCH_NORM_EPSILON)
            bias[...] = shift - mean * factor
            kernel *= factor.astype(np.float32).reshape(-1, 1, 1, 1)
        else:
            bias[...] = parameters[0]
        if self.xnor:  # binary_align_weights: the sign times the filter's mean magnitude
            magnitude = np.abs(kernel).mean(axis=(1, 2, 3), keepdims=True)
            kernel[...] = np.where(kernel > 0, magnitude, -magnitude)


@dataclass(frozen=True)
class ShortcutWeights:
    """The weights of the layers that a `[shortcut]` adds; the layer before it is the first.

    shape: `(layers,)` for one weight per layer, `(layers, channels)` for one per channel.
    normalization: "none", "relu" or "softmax", over the layers.
    """

    section: Section
    shape: tuple[int, ...]
    normalization: str

    @property
    def values(self) -> int:
        """See `LayerWeights`."""
        return math.prod(self.shape)

    @property
    def names(self) -> list[str]:
        """The names of the weights' tensors in the graph, one per layer."""
        return [f"shortcut_{self.section.index}_weight_{layer}" for layer in range(self.shape[0])]

    def fill(self, places: Places, read: Read) -> None:
        """See `LayerWeights`; formulas: shortcut_multilayer_cpu in Darknet's blas.c."""
        weights = np.empty(self.shape, "<f4")
        read(weights)
        _check_finite(weights, "weights")
        if self.normalization == "relu":
            weights = np.maximum(weights, 0)
        elif self.normalization == "softmax":
            weights = np.exp(weights - weights.max(axis=0))
        if self.normalization != "none":
            weights = weights / (_SHORTCUT_EPSILON + weights.sum(axis=0))
        for name, weight in zip(self.names, weights, strict=True):
            places[name][...] = weight.reshape(places[name].shape)


def read_weights(stream: WeightsStream, layers: Sequence[LayerWeights], places: Places) -> None:
    """Reads a whole `.weights` once, from start to end.

    Raises:
        WeightsError: there are fewer or more bytes than the layers call for, or values that no
            training produces; names the layer's section and line.
    """
    reader = _Reader(stream, sum(layer.values for layer in layers))
    for layer in layers:
        try:
            layer.fill(places, reader.read_into)
        except WeightsError as error:
            raise WeightsError(f"{layer.section.location()}: {error}") from None
    reader.finish()


def _check_finite(values: NDArray[np.float32], name: str) -> None:
    if not np.isfinite(values).all():
        raise WeightsError(f"the {name} are not finite numbers; {_ADVICE}")


class _Reader:
    """Reads a `.weights` from start to end, and checks its length."""

    def __init__(self, stream: WeightsStream, values: int) -> None:
        self._stream = stream
        self._position = 0
        self._expected = self._read_header() + 4 * values

    def _read_header(self) -> int:
        """Reads the header; returns its size in bytes.

        It holds the version as int32 major, minor and revision, and the number of images seen in
        training, int32 before version 0.2 and int64 since.
        """
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
        return header.nbytes + seen.nbytes

    def read_into(self, place: NDArray[np.float32]) -> None:
        """Fills `place`, an array of any shape, or raises WeightsError."""
        if self._read(place.reshape(-1).view(np.uint8)) < place.nbytes:
            raise WeightsError(
                f"the weights end after {self._position:,} bytes; "
                f"the cfg calls for {self._expected:,}; {_ADVICE}"
            )

    def finish(self) -> None:
        """Raises WeightsError if bytes are left."""
        rest = np.empty(1 << 16, np.uint8)
        while count := self._stream.readinto(rest.data):
            self._position += count
        if self._position > self._expected:
            raise WeightsError(
                f"the weights have {self._position:,} bytes; the cfg calls for "
                f"{self._expected:,}; {_ADVICE}"
            )

    def _read(self, place: NDArray[np.uint8]) -> int:
        """Fills `place` as far as the stream goes; returns the number of bytes read."""
        view = place.data
        done = 0
        while done < len(view):
            count = self._stream.readinto(view[done:])
            if not count:
                break
            done += count
        self._position += done
        return done
