"""Imports a detector from ONNX, as the YOLO projects export it; start at `import_onnx`.

The file's metadata describes the input. The metadata and the outputs on a first image show which
head decodes them (heads/recognition.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ...errors import ModelError, UndecidedHeadError
from ..engines.engine import NO_WEIGHTS, Engine, Weights
from ..engines.first_of_batch import first_of_batch
from ..engines.registry import create_engine
from ..heads.exporter_metadata import literal
from ..heads.extended_rows import EXTENDED_TASKS
from ..heads.form import RecognisedHead
from ..heads.probe import Probe
from ..heads.recognition import recognise
from ..model_description import Description
from ..network import Network
from .checks import embedded_description, refuse_unusable
from .external_data import require_attached
from .image_input import ImageInput, complete, read_image_input
from .reader import OnnxFile, read_onnx
from .stem import stem_kernels

_GREY = 0.447  # 114 / 255


def import_onnx(
    onnx: NDArray[np.uint8],
    *,
    engine: str = "opencv",
    labels: tuple[str, ...] | None = None,
    labels_file: str = "",
    description: Description | None = None,
    weights: Weights = NO_WEIGHTS,
) -> tuple[Network, Engine]:
    """Imports a detector, loads it into an engine, and runs it once.

    Args:
        onnx: the file, `(bytes,) uint8`.
        engine: a name in `ENGINE_NAMES`.
        labels: the class names; None takes those of `description` or of the file.
        labels_file: the name of the file that `labels` are from, for messages.
        description: overrides the file, and the `model.json` in its metadata.
        weights: those outside of `onnx`, as `external_data.attach` returned them with it.

    Raises:
        ModelError: the file is not a detector with a known head, or the engine cannot run it.
    """
    file = read_onnx(onnx)
    require_attached(onnx, weights)
    _refuse(file, engine)
    given, embedded = description or Description(), embedded_description(file)
    description = given.merged_over(embedded)
    source = f" in {labels_file}" if labels_file else ""
    labels = _labels(file, labels or description.names, source)
    image = read_image_input(file, description)
    loaded = _load(file, image, onnx, engine, weights)
    found = _recognise(file, loaded, image, None if labels is None else len(labels), description)
    if labels is None:
        raise ModelError(
            f"it does not name its {found.head.classes} classes; "
            "put their names in a *.names next to it, one a line"
        )
    if len(labels) != found.head.classes:
        raise ModelError(
            f"there are names for {len(labels)} classes{source}; the network has "
            f"{found.head.classes}, by its outputs {', '.join(found.outputs)}"
        )
    loaded.outputs = found.outputs
    preprocessing = given.preprocessing(embedded.preprocessing(found.preprocessing))
    network = Network(
        onnx,
        image.size,
        found.outputs,
        found.head,
        complete(preprocessing, image.form, description),
        labels,
        evidence=found.evidence,
        inputs=image.inputs,
        weights=weights or None,
    )
    return network, loaded


def _refuse(file: OnnxFile, engine: str) -> None:
    """Refuses a file that cannot work, by its metadata and operators, before it is loaded."""
    task = file.metadata.get("task", "detect")
    if task not in ("detect", *EXTENDED_TASKS):
        raise ModelError(f"its task is '{task}'; only detectors are supported: export a 'detect'")
    for output in file.outputs:
        if output.element == "no tensor":
            raise ModelError(
                f"its output {output.name} is not a tensor; all outputs of a detector are"
            )
    refuse_unusable(file, engine)


def names_classes(onnx: NDArray[np.uint8]) -> bool:
    """Returns whether the metadata of a file, `(bytes,) uint8`, name the classes.

    Raises:
        ModelError: the file is not ONNX, or the `model.json` in its metadata is malformed.
    """
    file = read_onnx(onnx)
    return "names" in file.metadata or embedded_description(file).names is not None


def _labels(file: OnnxFile, given: tuple[str, ...] | None, source: str) -> tuple[str, ...] | None:
    """Returns the class names: `given`, or else the metadata's, `{0: 'person', ...}`."""
    if "names" not in file.metadata:
        return given
    names = literal(file.metadata, "names")
    if isinstance(names, dict):
        names = [names.get(index) for index in range(len(names))]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ModelError(
            "the names in its metadata must be each class's number, from 0, and its name, like "
            f"{{0: 'person', 1: 'bicycle'}}; they are {file.metadata['names'][:80]}"
        )
    if given is not None and len(given) != len(names):
        raise ModelError(
            f"{len(given)} class names are given{source}, but its metadata has {len(names)}; "
            "there must be as many"
        )
    return given or tuple(names)


def _load(
    file: OnnxFile, image: ImageInput, onnx: NDArray[np.uint8], engine: str, weights: Weights
) -> Engine:
    names = [output.name for output in file.outputs]
    loaded = create_engine(engine, onnx, names, image.inputs, weights)
    shapes = {output.name: output.shape for output in file.outputs}
    return first_of_batch(loaded, image.form.batch, shapes)


def _recognise(
    file: OnnxFile,
    engine: Engine,
    image: ImageInput,
    label_count: int | None,
    description: Description,
) -> RecognisedHead:
    """Finds the head by the outputs for a grey image, or if they do not decide, for noise."""
    width, height = image.size
    shape = (1, 3, height, width)
    grey = image.form.example(np.full(shape, _GREY, np.float32))
    outputs = _selected(_first_outputs(engine, grey), description)
    names = [tensor.name for tensor in file.inputs]
    stem = stem_kernels(file, image.inputs.image)
    probe = Probe(outputs, image.size, label_count, file.metadata, file.weights, names, stem)
    try:
        return recognise(probe, description)
    except UndecidedHeadError:
        outputs = _selected(_first_outputs(engine, image.form.example(_noise(shape))), description)
        return recognise(replace(probe, outputs=outputs), description)


def _noise(shape: tuple[int, int, int, int]) -> NDArray[np.float32]:
    """Returns the same noise, 0 to 1, for the same shape, by OpenCV: the layer lacks NumPy's."""
    noise = np.empty((shape[0] * shape[1] * shape[2], shape[3]), np.float32)
    cv2.setRNGSeed(0)
    cv2.randu(noise, 0, 1)
    return noise.reshape(shape)


def _first_outputs(engine: Engine, blob: NDArray[Any]) -> Mapping[str, NDArray[np.float32]]:
    """Runs the network on its input for a first image, and returns the outputs by name."""
    outputs = dict(zip(engine.outputs, engine.forward(blob), strict=True))
    for name, output in outputs.items():
        if not np.isfinite(output).all():
            raise ModelError(
                f"its output {name} is not finite on a plain image; are the weights complete?"
            )
    return outputs


def _selected(
    outputs: Mapping[str, NDArray[np.float32]], description: Description
) -> Mapping[str, NDArray[np.float32]]:
    """Returns the outputs that model.json names; all if it names none."""
    for name in description.outputs or ():
        if name not in outputs:
            known = ", ".join(outputs)
            raise ModelError(f"model.json: outputs names '{name}'; these are: {known}")
    return {name: outputs[name] for name in description.outputs or outputs}
