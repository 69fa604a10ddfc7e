"""Quantises detectors in ONNX to integers of 8 bits with ONNX Runtime's own tool."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)

from tests.object_detection.onnx.onnx_layers import SIZE

FORMATS = {"QDQ": QuantFormat.QDQ, "QOperator": QuantFormat.QOperator}


class _Images(CalibrationDataReader):  # type: ignore[misc]
    """Four images of noise, by which the ranges of values are measured."""

    def __init__(self) -> None:
        shape = (4, 1, 3, SIZE[1], SIZE[0])
        self._images = iter(np.random.default_rng(2).random(shape).astype(np.float32))

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        image = next(self._images, None)
        return None if image is None else {"images": image}


def quantised(data: bytes, form: str, *, signed: bool = True) -> bytes:
    """Returns the detector with its convolutions in integers, as it is usual for detectors.

    form: a key of `FORMATS`, or "dynamic" for ranges that are computed for each image. signed:
    whether weights are int8 (the tool's default), or uint8.
    """
    with TemporaryDirectory() as folder:
        source, target = Path(folder, "float.onnx"), Path(folder, "quantised.onnx")
        source.write_bytes(data)
        weights = QuantType.QInt8 if signed else QuantType.QUInt8
        options = {"op_types_to_quantize": ["Conv"], "weight_type": weights}
        if form == "dynamic":
            quantize_dynamic(source, target, **options)
        else:
            quantize_static(
                source,
                target,
                _Images(),
                quant_format=FORMATS[form],
                activation_type=weights,
                **options,
            )
        return target.read_bytes()


def with_int8_weights(data: bytes) -> tuple[bytes, bytes]:
    """Returns the detector with kernels of int8, converted to float32 before they are used.

    The second one has the same values of its kernels as float32.
    """
    model, same = onnx.load_from_string(data), onnx.load_from_string(data)
    graph = model.graph
    for index, weight in enumerate(graph.initializer):
        values = numpy_helper.to_array(weight)
        if values.ndim != 4 or values.dtype != np.float32:
            continue
        step = np.float32(np.abs(values).max() / 127)
        integers = np.rint(values / step).astype(np.int8)
        name = weight.name
        weight.CopyFrom(numpy_helper.from_array(integers, f"{name}_int8"))
        graph.initializer.append(numpy_helper.from_array(np.asarray(step), f"{name}_step"))
        inputs = [f"{name}_int8", f"{name}_step"]
        graph.node.insert(0, helper.make_node("DequantizeLinear", inputs, [name]))
        same.graph.initializer[index].CopyFrom(numpy_helper.from_array(integers * step, name))
    onnx.checker.check_model(model)
    return model.SerializeToString(), same.SerializeToString()
