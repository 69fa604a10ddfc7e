"""Loads a model folder into a ready `Model`; start at `load_model`.

A model folder holds one network: `*.cfg` and `*.weights`, or `*.onnx`. It also holds `*.names`, one
class a line, which is optional for an ONNX file that names its classes (labels.py); and a tree of
the classes, `*.tree`, if the cfg needs one. `model.json` overrides what the files contain
(model_description.py). `SHA256SUMS` lists the files that belong to the model (manifest.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..errors import ModelError
from ..object_detection.darknet import import_darknet
from ..object_detection.detector import Detector
from ..object_detection.engines.engine import Engine
from ..object_detection.engines.registry import AUTO, DEFAULT, engine_class
from ..object_detection.network import Network
from ..settings import Settings
from .engine_choice import load_with
from .folder import ModelFolder
from .labels import read_labels
from .onnx_files import read_onnx_files
from .reader import ModelReader, model_errors

if TYPE_CHECKING:
    from ..object_detection.model_description import Description

_Labels = tuple[str, ...]
_MAX_LISTED = 100


@dataclass(frozen=True)
class Model:
    """A detector, with the model's name and its classes.

    digest: "sha256:..." of what `sha256sum` prints for the files that were read, sorted by name.
    The same files have the same digest wherever they are stored. labels: the classes' names, by
    class id. engine: the name of the one that runs it. class_ids: the classes that the setting
    CLASSES selects; None for all.
    """

    name: str
    digest: str
    labels: _Labels
    detector: Detector
    engine: str
    class_ids: tuple[int, ...] | None = None


def load_model(
    folder: ModelFolder, settings: Settings, files: Mapping[str, str] | None = None
) -> Model:
    """Reads a model folder and loads its network.

    Args:
        folder: the model folder.
        settings: ENGINE, RESIZE and CLASSES are used.
        files: the folder's listing; None lists it now.

    Raises:
        ModelError: files are missing, malformed, or do not fit together; or CLASSES names a class
            that the model does not have.
        StorageError: S3 fails.
    """
    listing = folder.files() if files is None else files
    with model_errors(f"the model {folder.location}"):
        reader = ModelReader(folder, listing)
        network, engine, name = load_network(reader, settings.engine)
        detector = Detector(network, engine=engine, letterbox=settings.letterbox)
    class_ids = find_class_ids(settings.classes, network.labels)
    return Model(folder.name, reader.digest(), network.labels, detector, name, class_ids)


def load_network(reader: ModelReader, engine: str) -> tuple[Network, Engine | str, str]:
    """Reads the network of a model folder, for the engine with the name `engine`, or "auto".

    Returns the network, either the engine that has already loaded it or the engine's name, and the
    name.

    Raises:
        ModelError, StorageError: see `load_model`.
    """
    description = reader.description()
    load = _load_onnx if reader.is_onnx() else _load_darknet
    return load(reader, description, engine)


def _load_onnx(
    reader: ModelReader, description: Description | None, engine: str
) -> tuple[Network, Engine, str]:
    from ..object_detection.onnx.importer import import_onnx, names_classes

    files = read_onnx_files(reader)
    onnx, weights = files.onnx, files.weights
    with model_errors(files.name):
        labels = read_labels(reader, description, lambda: names_classes(onnx))
    reader.check()

    def load(engine: str) -> tuple[Network, Engine]:
        if engine == "opencv" and not reader.has_manifest:  # `push` tried the files it lists
            from .trial import try_out

            try_out(onnx, weights)
        return import_onnx(
            onnx,
            engine=engine,
            labels=labels.names if labels else None,
            labels_file=labels.file if labels else "",
            description=description,
            weights=weights,
        )

    with model_errors(files.name):
        (network, loaded), name = load_with(engine, load)
    return network, loaded, name


def _load_darknet(
    reader: ModelReader, description: Description | None, engine: str
) -> tuple[Network, str, str]:
    if engine == AUTO:
        engine = DEFAULT  # which runs every Darknet network
    if description is not None:
        description.require_no_onnx_keys()
    cfg_name, weights_name = reader.only(".cfg"), reader.only(".weights")
    cfg, labels = reader.cfg(cfg_name), read_labels(reader, description)
    if labels is None:
        reader.only(".names", ".txt")  # raises the error that lists the files
        raise AssertionError
    tree_name = reader.find(".tree")
    tree = reader.text(tree_name) if tree_name else None
    with reader.stream(weights_name) as weights:
        size = None if description is None else description.input
        network = import_darknet(
            cfg,
            weights,
            input_size=size,
            tree=tree,
            external_weights=engine_class(engine).external_weights,
        )
    reader.check()
    if len(labels.names) != network.classes:
        raise ModelError(
            f"{labels.file} has {len(labels.names)} classes, one a line; "
            f"the network has {network.classes}"
        )
    preprocessing = network.preprocessing
    if description is not None:
        preprocessing = description.preprocessing(preprocessing)
    return replace(network, labels=labels.names, preprocessing=preprocessing), engine, engine


def find_class_ids(wanted: Sequence[str], labels: Sequence[str]) -> tuple[int, ...] | None:
    """Returns the ids of the wanted classes; None for all, if `wanted` is empty.

    Raises:
        ModelError: the model has no such class.
    """
    if not wanted:
        return None
    for label in wanted:
        if label not in labels:
            raise ModelError(
                f"CLASSES names '{label}', which the model does not have; its classes are "
                f"{_listed(labels)}"
            )
    return tuple(index for index, label in enumerate(labels) if label in wanted)


def _listed(labels: Sequence[str]) -> str:
    """Lists labels for a message, which must fit into a log line and a message of SQS."""
    left_out = len(labels) - _MAX_LISTED
    listed = ", ".join(labels[:_MAX_LISTED])
    return f"{listed} and {left_out:,} more" if left_out > 0 else listed
