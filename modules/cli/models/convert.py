"""Write a Darknet model as one ONNX file.

Without --decode, its outputs are the raw outputs of the network's heads. With --decode, it decodes
the boxes itself, in the format of YOLOv5's exports: one output, [1, N, 5 + classes], one row per
box: centre x and y, width and height in pixels of the input, objectness, one probability per class;
without non-maximum suppression. Its metadata then hold the class names and the preprocessing, so
that a folder with this file alone is a model.
"""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path

import numpy as np

from ...errors import ModelError, UsageError
from ...models.folder import LocalFolder
from ...models.loader import Model, load_model
from ...models.reader import ModelReader
from ...object_detection.darknet import import_darknet
from ...object_detection.detector import Detector
from ...object_detection.network import Network
from ...object_detection.onnx.graph import metadata
from ...object_detection.sizes import parse_size
from ...settings import Settings
from ...storage.local_files import write_atomically
from ..samples import find_model

EXAMPLE = "python -m modules models convert yolov4-tiny yolov4-tiny.onnx --decode --input 512x320"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the action's arguments to `parser`."""
    parser.add_argument("model", metavar="DIR", help="a Darknet model folder, or a name of the zoo")
    parser.add_argument("file", type=Path, metavar="OUT.onnx", help="the file to write")
    parser.add_argument(
        "--decode", action="store_true", help="include the decoding of the boxes in the network"
    )
    parser.add_argument(
        "--input",
        type=partial(parse_size, square=False),
        metavar="WxH",
        help="the input's width and height in pixels (default: the cfg's own)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Writes the file, whole or not at all, and prints its path.

    Raises:
        UsageError: OUT.onnx has another suffix, or is in the model's folder.
        ModelError: the model does not load, or is an ONNX file already.
    """
    path = find_model(arguments.model)
    if arguments.file.suffix != ".onnx":
        raise UsageError(f"{arguments.file}: the name of an ONNX file ends in .onnx")
    if arguments.file.parent.resolve() == path.resolve():
        raise UsageError(
            f"{arguments.file}: {path} would then hold two models; choose another folder"
        )
    folder = LocalFolder(path)
    reader = ModelReader(folder, folder.files())
    if reader.find(".onnx"):
        raise ModelError(f"the model {path} is in ONNX already")
    model = load_model(folder, Settings())
    tree = reader.find(".tree")
    with reader.stream(reader.only(".weights")) as weights:
        network = import_darknet(
            reader.cfg(reader.only(".cfg")),
            weights,
            input_size=arguments.input,
            tree=reader.text(tree) if tree else None,
            decoded=arguments.decode,
        )
    extra = metadata(describe(network, model)) if arguments.decode else b""
    _write(arguments.file, network, extra)
    print(arguments.file)
    return 0


def describe(network: Network, model: Model) -> dict[str, str]:
    """Returns the metadata of a decoded network: Ultralytics' keys, and our own `model.json`.

    Args:
        network: the network that is written.
        model: the same model, loaded without --decode and --input.
    """
    width, height = network.input_size
    preprocessing = network.preprocessing
    return {
        "task": "detect",
        "names": repr(dict(enumerate(model.labels))),
        "imgsz": repr([height, width]),
        "stride": str(_coarsest_stride(model.detector)),
        "model.json": json.dumps(
            {
                "family": "darknet",
                "head": "objectness",
                "resize": preprocessing.resize,
                "channels": preprocessing.channels,
                "scale": preprocessing.scale,
                "padding": preprocessing.padding,
            }
        ),
    }


def _coarsest_stride(detector: Detector) -> int:
    """Returns the side of the largest grid cells, in pixels."""
    width, height = detector.input_size
    outputs = detector.raw_outputs(np.zeros((height, width, 3), np.uint8))
    return max(round(width / int(output.shape[3])) for output in outputs)


def _write(path: Path, network: Network, extra: bytes) -> None:
    with write_atomically(path) as file:
        file.write(network.onnx.data)
        file.write(extra)
