"""Makes a feature extractor's network of an ONNX file; start at `import_onnx_features`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from ..object_detection.model_description import Description
from ..object_detection.onnx.checks import own_description, refuse_unusable
from ..object_detection.onnx.reader import read_onnx
from ..object_detection.preprocessing import Preprocessing
from .extract import extract_subgraph
from .extractor import FeatureNetwork

# What networks that were trained on ImageNet are fed: github.com/onnx/models, vision/classification
IMAGENET = Preprocessing(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


def import_onnx_features(
    onnx: NDArray[np.uint8],
    *,
    engine: str = "opencv",
    layer: str | None = None,
    input_size: tuple[int, int] | None = None,
    description: Description | None = None,
) -> FeatureNetwork:
    """Cuts a network at a layer, for one engine.

    Args:
        onnx: the file, `(bytes,) uint8`.
        engine: a name in `ENGINE_NAMES`.
        layer: the name of a node or a value; None is what the classifier at its end is fed.
        input_size: (width, height); None takes model.json's, or the file's, or else 224 x 224.
        description: what overrules `IMAGENET`, and the `model.json` in the file's metadata.

    Raises:
        ModelError: the file is no network that takes an image, there is no such layer, or the
            engine cannot run what is left.
    """
    description = (description or Description()).over(own_description(read_onnx(onnx)))
    found = extract_subgraph(
        onnx,
        layer=layer,
        input_size=input_size or description.input,
        # OpenCV wants to be told some shape, whichever; ONNX Runtime believes what it is told
        dimensions=4 if engine == "opencv" else None,
    )
    file = read_onnx(found.onnx)
    if "float16" in file.precisions:
        raise ModelError(
            "its weights are of half precision; features are taken in single precision: "
            "export it so"
        )
    refuse_unusable(file, engine)
    preprocessing = description.preprocessing(IMAGENET)
    return FeatureNetwork(found.onnx, found.input_size, found.output, preprocessing)
