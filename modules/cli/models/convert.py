"""Write a Darknet model as one ONNX file.

Without --decode it holds the raw outputs of the network's heads. With --decode it decodes its boxes
itself, in the form of YOLOv5's exports: one output, [1, N, 5 + classes], a row a box: centre x and
y, width and height in pixels of the input, objectness, a probability a class; nothing suppressed.
It then says of itself what its classes are called and how images are fed, so that a folder with
this file alone is a model.
"""

from __future__ import annotations

import argparse
import json
import re
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
from ...settings import Settings
from ...storage.local_files import write_atomically
from ..samples import find_model

EXAMPLE = "python -m modules models convert yolov4-tiny yolov4-tiny.onnx --decode --input 512x320"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the action's arguments."""
    parser.add_argument("model", metavar="DIR", help="a Darknet model folder, or a name of the zoo")
    parser.add_argument("file", type=Path, metavar="OUT.onnx", help="the file to write")
    parser.add_argument(
        "--decode", action="store_true", help="have the network decode its boxes itself"
    )
    parser.add_argument(
        "--input", metavar="WxH", help="the input's width and height (default: the cfg's own)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Writes the file, whole or not at all, and prints its path."""
    size = _size(arguments.input) if arguments.input else None
    path = find_model(arguments.model)
    if arguments.file.suffix != ".onnx":
        raise UsageError(f"{arguments.file}: the name of an ONNX file ends in .onnx")
    if arguments.file.parent.resolve() == path.resolve():
        raise UsageError(f"{arguments.file}: {path} would then hold two models; name another place")
    folder = LocalFolder(path)
    reader = ModelReader(folder, folder.files())
    if reader.find(".onnx"):
        raise ModelError(f"the model {path} is in ONNX already")
    model = load_model(folder, Settings())
    tree = reader.find(".tree")
    with reader.stream(reader.only(".weights")) as weights:
        network = import_darknet(
            reader.text(reader.only(".cfg")),
            weights,
            input_size=size,
            tree=reader.text(tree) if tree else None,
            decoded=arguments.decode,
        )
    extra = metadata(describe(network, model)) if arguments.decode else b""
    _write(arguments.file, network, extra)
    print(arguments.file)
    return 0


def describe(network: Network, model: Model) -> dict[str, str]:
    """What a decoded network says of itself: Ultralytics' keys, and our own `model.json`.

    `model` is the same one, loaded as it is.
    """
    width, height = network.input_size
    feeding = network.preprocessing
    return {
        "task": "detect",
        "names": repr(dict(enumerate(model.labels))),
        "imgsz": repr([height, width]),
        "stride": str(_coarsest_stride(model.detector)),
        "model.json": json.dumps(
            {
                "head": "objectness",
                "resize": feeding.resize,
                "channels": feeding.channels,
                "scale": feeding.scale,
                "padding": feeding.padding,
            }
        ),
    }


def _coarsest_stride(detector: Detector) -> int:
    """The side of the largest cells, in pixels."""
    width, height = detector.input_size
    outputs = detector.raw_outputs(np.zeros((height, width, 3), np.uint8))
    return max(round(width / int(output.shape[3])) for output in outputs)


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text)
    if not match:
        raise UsageError(f"--input {text}: it must be a width and a height, like 512x320")
    return int(match[1]), int(match[2])


def _write(path: Path, network: Network, extra: bytes) -> None:
    with write_atomically(path) as file:
        file.write(network.onnx.data)
        file.write(extra)
