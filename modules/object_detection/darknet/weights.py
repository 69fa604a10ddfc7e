"""Reads a Darknet `.weights` into the places an ONNX model has for them; start at `read_weights`.

Layer by layer, in the order of the file, each straight into its place; what Darknet does to its
weights once they are loaded (folding batch normalisation, making them binary, normalising those of
a shortcut) is done there. The exact number of bytes is checked, which Darknet and OpenCV 4 never
did.
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
_ADVICE = "is this .weights of this .cfg, and whole?"

Places = Mapping[str, NDArray[np.float32]]
Read = Callable[[NDArray[np.float32]], None]


class WeightsStream(Protocol):
    """What a `.weights` is read from: a file, an S3 object's body."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Fills `buffer` from its start; returns how many bytes came, 0 at the end."""


class LayerWeights(Protocol):
    """The weights that one layer reads from the file."""

    @property
    def section(self) -> Section:
        """Whose they are."""

    @property
    def values(self) -> int:
        """How many float32 values they are."""

    def fill(self, places: Places, read: Read) -> None:
        """Reads them, array by array, and puts what comes of them into their places."""


@dataclass(frozen=True)
class Convolution:
    """The weights of a `[convolutional]`: biases, [scales, means, variances], kernels."""

    section: Section
    kernel_shape: tuple[int, int, int, int]
    batch_normalize: bool
    xnor: bool = False

    @property
    def filters(self) -> int:
        """How many filters there are, and so biases."""
        return self.kernel_shape[0]

    @property
    def kernel(self) -> str:
        """The kernel's name in the graph."""
        return f"kernel_{self.section.index}"

    @property
    def bias(self) -> str:
        """The bias's name in the graph."""
        return f"bias_{self.section.index}"

    @property
    def values(self) -> int:
        """See `LayerWeights`."""
        return math.prod(self.kernel_shape) + self.filters * (4 if self.batch_normalize else 1)

    def fill(self, places: Places, read: Read) -> None:
        """See `LayerWeights`; folds batch normalisation, then makes xnor's kernels binary.

        y = scale * (conv(x) - mean) / sqrt(variance + epsilon) + bias, so the kernel takes the
        factor scale / sqrt(variance + epsilon), and the bias loses mean times that factor.
        """
        parameters = np.empty((4 if self.batch_normalize else 1, self.filters), "<f4")
        read(parameters)
        if not np.isfinite(parameters).all():
            raise WeightsError(f"the biases or batch norms are not finite numbers; {_ADVICE}")
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
        if self.xnor:  # binary_align_weights: the signs, times the filter's mean magnitude
            magnitude = np.abs(kernel).mean(axis=(1, 2, 3), keepdims=True)
            kernel[...] = np.where(kernel > 0, magnitude, -magnitude)


@dataclass(frozen=True)
class ShortcutWeights:
    """The weights of a `[shortcut]`: of each layer that it adds, the one before first.

    shape: `(layers,)` with one weight a layer, `(layers, channels)` with one a channel.
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
        """The weights' names in the graph, a layer each."""
        return [f"shortcut_{self.section.index}_weight_{layer}" for layer in range(self.shape[0])]

    def fill(self, places: Places, read: Read) -> None:
        """See `LayerWeights`; the formulas are shortcut_multilayer_cpu's, in Darknet's blas.c."""
        weights = np.empty(self.shape, "<f4")
        read(weights)
        if not np.isfinite(weights).all():
            raise WeightsError(f"the weights are not finite numbers; {_ADVICE}")
        if self.normalization == "relu":
            weights = np.maximum(weights, 0)
        elif self.normalization == "softmax":
            weights = np.exp(weights - weights.max(axis=0))
        if self.normalization != "none":
            weights = weights / (_SHORTCUT_EPSILON + weights.sum(axis=0))
        for name, weight in zip(self.names, weights, strict=True):
            places[name][...] = weight.reshape(places[name].shape)


def read_weights(stream: WeightsStream, layers: Sequence[LayerWeights], places: Places) -> None:
    """Reads a whole `.weights`, once from front to back.

    Raises:
        WeightsError: fewer or more bytes than the layers call for, or numbers that no training
            leaves behind; with the layer's section and line.
    """
    reader = _Reader(stream, sum(layer.values for layer in layers))
    for layer in layers:
        try:
            layer.fill(places, reader.read_into)
        except WeightsError as error:
            section = layer.section
            where = f"section {section.index} [{section.kind}], line {section.line}"
            raise WeightsError(f"{where}: {error}") from None
    reader.finish()


class _Reader:
    """Reads a `.weights` from front to back, and knows how long it must be."""

    def __init__(self, stream: WeightsStream, values: int) -> None:
        self._stream = stream
        self._position = 0
        self._expected = self._read_header() + 4 * values

    def _read_header(self) -> int:
        """int32 major, minor, revision; then the images seen, int64 from version 0.2 on.

        Returns its size in bytes.
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
        """Fills `place`, any shape, or raises WeightsError."""
        if self._read(place.reshape(-1).view(np.uint8)) < place.nbytes:
            raise WeightsError(
                f"the weights end after {self._position:,} bytes; "
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
