"""Reads a model folder's ONNX file with the files that hold its weights; see `read_onnx_files`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import ModelError
from .manifest import MANIFEST
from .reader import ModelReader, model_errors
from .suffixes import DESCRIPTION, EXTERNAL_SUFFIXES, READ_SUFFIXES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..object_detection.engines.engine import Weights

# Files of a model folder that hold something else; a *.weights beside an ONNX file may be its own
_OTHER_SUFFIXES = tuple({*READ_SUFFIXES} - {*EXTERNAL_SUFFIXES, ".weights", ".data"})


@dataclass(frozen=True)
class OnnxFiles:
    """An ONNX file that has been read.

    name: the file's. onnx: its bytes, `(bytes,) uint8`. weights: those outside of `onnx`, by path
    (`external_data.attach`). sizes: of the files that hold them, in bytes, by name.
    """

    name: str
    onnx: NDArray[np.uint8]
    weights: Weights
    sizes: dict[str, int]


def read_onnx_files(reader: ModelReader) -> OnnxFiles:
    """Reads the ONNX file of a folder, and the files in the folder that it says its weights are in.

    Raises:
        ModelError: there is not exactly one network; the file is malformed; a file with weights is
            missing, cut off, elsewhere, or not of this network.
        StorageError: S3 fails.
    """
    from ..object_detection.onnx.external_data import attach, external_files

    name = reader.only(".onnx")
    onnx = reader.onnx(name)
    with model_errors(name):
        names = external_files(onnx)
        for other in names:
            if other in (MANIFEST, DESCRIPTION) or other.endswith(_OTHER_SUFFIXES):
                raise ModelError(f"its weights cannot be in {other}, which is another kind of file")
        others = [found for found in reader.names if found.endswith(".weights")]
        reader.require_one_network(next((found for found in others if found not in names), None))
        files = {other: reader.external(other) for other in names}
    reader.check()
    if not files:
        return OnnxFiles(name, onnx, {}, {})
    with model_errors(name):
        attached, weights = attach(onnx, files)
    return OnnxFiles(name, attached, weights, {other: len(data) for other, data in files.items()})
