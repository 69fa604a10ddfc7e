"""Imports an ONNX network up to a layer, for features; start at `import_onnx_features`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from ..object_detection.engines.engine import NO_WEIGHTS, Weights
from ..object_detection.engines.registry import engine_class
from ..object_detection.model_description import Description
from ..object_detection.onnx.checks import embedded_description, refuse_unusable
from ..object_detection.onnx.external_data import require_attached
from ..object_detection.onnx.image_input import complete
from ..object_detection.onnx.reader import read_onnx
from ..object_detection.preprocessing import Preprocessing
from .extractor import FeatureNetwork
from .subgraph import extract_subgraph

# Of networks that were trained on ImageNet: github.com/onnx/models, vision/classification
IMAGENET = Preprocessing(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


def import_onnx_features(
    onnx: NDArray[np.uint8],
    *,
    engine: str = "opencv",
    layer: str | None = None,
    input_size: tuple[int, int] | None = None,
    description: Description | None = None,
    weights: Weights = NO_WEIGHTS,
) -> FeatureNetwork:
    """Imports a network and cuts it at a layer, for one engine.

    Args:
        onnx: the file, `(bytes,) uint8`.
        engine: a name in `ENGINE_NAMES`.
        layer: the name of a node or a value; None takes the classifier's input, see layer.py.
        input_size: (width, height); None takes model.json's, else the file's, else 224 x 224.
        description: overrides the `model.json` in the file's metadata, and `IMAGENET`.
        weights: those outside of `onnx`, as `external_data.attach` returned them with it.

    Raises:
        ModelError: the file is not a network that takes an image, there is no such layer, or the
            engine cannot run the subgraph.
    """
    require_attached(onnx, weights)
    given, embedded = description or Description(), embedded_description(read_onnx(onnx))
    subgraph = extract_subgraph(
        onnx,
        layer=layer,
        input_size=input_size or given.input or embedded.input,
        # any number will do; ONNX Runtime, which needs none, would trust a wrong one
        dimensions=4 if engine_class(engine).needs_dimensions else None,
    )
    file = read_onnx(subgraph.onnx)
    if "float16" in file.precisions:
        raise ModelError(
            "its weights are in half precision; features need single precision: export it as "
            "float32"
        )
    refuse_unusable(file, engine)
    preprocessing = given.preprocessing(embedded.preprocessing(IMAGENET))
    preprocessing = complete(preprocessing, subgraph.form, given.merged_over(embedded))
    return FeatureNetwork(
        subgraph.onnx, subgraph.input_size, subgraph.output, preprocessing, weights
    )
