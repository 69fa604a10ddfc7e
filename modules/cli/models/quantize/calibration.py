"""Quantises a network to integers of 8 bits with ONNX Runtime; start at `quantise`.

Weights get a scale per channel, and 7 of their 8 bits. The ranges of the values between layers are
taken from pictures (static calibration). The result is in QDQ form: it names the layers that
compute with integers, and their ranges.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ....errors import ModelError

Feed = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Method:
    """A way to take ranges from pictures.

    name: as ONNX Runtime calls it. options: of ONNX Runtime. description: for a report.
    """

    name: str
    options: Mapping[str, Any]
    description: str


# Tried in this order: the second takes several times as long, and helps where few values are large
METHODS = (
    Method("MinMax", {"CalibMovingAverage": True}, "mean of the pictures' ranges"),
    Method("Percentile", {"CalibStridedMinMax": 1}, "99.999 % of all values"),
)


class _Pictures:
    """Hands ONNX Runtime the inputs for one picture after the other (CalibrationDataReader)."""

    def __init__(self, feeds: Sequence[Feed], report: Iterable[None]) -> None:
        self._feeds = feeds
        self._report = iter(report)
        self._rest: Iterator[Feed] = iter(feeds)

    def __len__(self) -> int:
        return len(self._feeds)

    def set_range(self, start_index: int, end_index: int) -> None:
        """Selects the pictures that are handed out next."""
        self._rest = iter(self._feeds[start_index:end_index])

    def get_next(self) -> Feed | None:
        """Returns the inputs for the next picture; None after the last."""
        feed = next(self._rest, None)
        if feed is not None:
            next(self._report, None)
        return feed


def quantise(
    prepared: Path,
    path: Path,
    kept: Iterable[str],
    method: Method,
    feeds: Sequence[Feed],
    progress: Iterable[None],
) -> None:
    """Writes the network with integers of 8 bits.

    Args:
        prepared: the network in float, as `graph.prepare` wrote it.
        path: the file to write.
        kept: the names of the nodes that stay in float.
        method: how ranges are taken.
        feeds: the network's inputs for each picture.
        progress: is advanced by one for each picture.

    Raises:
        ModelError: ONNX Runtime cannot quantise the network.
    """
    from onnxruntime.quantization import (
        CalibrationDataReader,
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    class Reader(_Pictures, CalibrationDataReader):  # type: ignore[misc]
        """The same for ONNX Runtime, which requires its class."""

    try:
        with _quietly():
            quantize_static(
                prepared,
                path,
                Reader(feeds, progress),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                reduce_range=True,  # with 8 bits, processors without VNNI overflow unnoticed
                nodes_to_exclude=sorted(kept),
                calibrate_method=CalibrationMethod[method.name],
                extra_options=dict(method.options),
            )
    except Exception as error:  # its exceptions have no public base class
        reason = " ".join(str(error).split())
        raise ModelError(f"ONNX Runtime cannot quantise the network: {reason}") from error


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Keeps ONNX Runtime's advice and the prints of its histograms from the output."""
    previous = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(None):
            yield
    finally:
        logging.disable(previous)
