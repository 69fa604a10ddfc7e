"""Reads the network that is to be quantised, and writes the folder of the result; see `Source`."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ....errors import ModelError
from ....models.folder import LocalFolder
from ....models.loader import Model, load_model
from ....models.manifest import MANIFEST
from ....models.reader import ModelReader
from ....object_detection.darknet import import_darknet
from ....object_detection.engines.registry import FALLBACK
from ....object_detection.model_description import Description
from ....object_detection.onnx.checks import embedded_description
from ....object_detection.onnx.external_data import external_files
from ....object_detection.onnx.graph import metadata
from ....object_detection.onnx.image_input import read_image_input
from ....object_detection.onnx.reader import read_onnx
from ....settings import Settings
from ..convert import describe

if TYPE_CHECKING:
    import onnx

_INTEGERS = frozenset({"QuantizeLinear", "DynamicQuantizeLinear", "QLinearConv", "ConvInteger"})
_DARKNET = (".cfg", ".weights", ".tree")


@dataclass(frozen=True)
class Source:
    """A model folder, its network in float, and what it takes to run it.

    model: the network in ONNX Runtime. network: the same as one ONNX file with all weights inside.
    file: the name of that file. replaced: the names of the files that it takes the place of.
    image: the name of the input that takes the image; constants: the values of all others.
    """

    path: Path
    model: Model
    network: onnx.ModelProto
    file: str
    replaced: frozenset[str]
    image: str
    constants: dict[str, NDArray[Any]]

    def feed(self, pixels: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        """Returns the network's inputs for an image, `(H, W, 3)` uint8 BGR."""
        detector = self.model.detector
        blob, _ = detector.preprocessing.apply(pixels, detector.input_size)
        return {**self.constants, self.image: blob}

    def shape(self) -> tuple[int, ...]:
        """Returns the shape of the input for one image."""
        width, height = self.model.detector.input_size
        return tuple(self.feed(np.zeros((height, width, 3), np.uint8))[self.image].shape)

    def size(self) -> int:
        """Returns the bytes of the network's files."""
        return sum((self.path / name).stat().st_size for name in self.replaced)

    def copy_others(self, folder: Path) -> None:
        """Copies all files that are not replaced: names, model.json, licences and others."""
        for path in sorted(self.path.iterdir()):
            if (
                path.name not in {*self.replaced, MANIFEST}
                and path.is_file()
                and path.name[0] != "."
            ):
                shutil.copyfile(path, folder / path.name)


def read_source(path: Path) -> Source:
    """Reads a model folder.

    Raises:
        ModelError: the model does not load in ONNX Runtime, or is not in single precision.
    """
    folder = LocalFolder(path)
    reader = ModelReader(folder, folder.files())
    model = load_model(folder, Settings(engine=FALLBACK))
    return (_read_onnx if reader.is_onnx() else _read_darknet)(path, reader, model)


def _read_onnx(path: Path, reader: ModelReader, model: Model) -> Source:
    import onnx

    name = reader.only(".onnx")
    data = reader.onnx(name)
    file = read_onnx(data)
    integers = sorted(file.operators & _INTEGERS)
    if integers:
        raise ModelError(f"{path / name} is quantised already: it has {', '.join(integers)}")
    if "float16" in file.precisions:
        raise ModelError(
            f"{path / name} is in half precision; quantise the network in single precision"
        )
    description = (reader.description() or Description()).merged_over(embedded_description(file))
    inputs = read_image_input(file, description).inputs
    replaced = frozenset({name, *external_files(data)})
    return Source(
        path,
        model,
        onnx.load(path / name),
        name,
        replaced,
        inputs.image,
        dict(inputs.constants),
    )


def _read_darknet(path: Path, reader: ModelReader, model: Model) -> Source:
    import onnx

    tree, description = reader.find(".tree"), reader.description()
    cfg = reader.only(".cfg")
    with reader.stream(reader.only(".weights")) as weights:
        network = import_darknet(
            reader.cfg(cfg),
            weights,
            input_size=description.input if description else None,
            tree=reader.text(tree) if tree else None,
            decoded=True,
        )
    data = network.onnx.tobytes() + metadata(describe(network, model))
    replaced = {name for name in reader.names if name.endswith(_DARKNET)}
    loaded = onnx.load_from_string(data)
    image = loaded.graph.input[0].name
    name = f"{Path(cfg).stem}.onnx"
    return Source(path, model, loaded, name, frozenset(replaced), image, {})
