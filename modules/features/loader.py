"""Loads a model folder as a `FeatureModel`; start at `load_feature_model`.

The folder is the same as for a detector (models/loader.py), but any network that takes an image
works, and it needs no `*.names`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..models.engine_choice import load_with
from ..models.folder import ModelFolder
from ..models.onnx_files import OnnxFiles, read_onnx_files
from ..models.reader import ModelReader, model_errors
from ..object_detection.model_description import Description
from .extractor import FeatureExtractor, FeatureNetwork, Pool


@dataclass(frozen=True)
class FeatureModel:
    """A feature extractor, and what it was loaded from.

    name: the model folder's. digest, engine: as in `models.loader.Model`. layer: the layer that was
    requested or, if none was, the name of the value that holds the features.
    """

    name: str
    digest: str
    layer: str
    extractor: FeatureExtractor
    engine: str


def load_feature_model(
    folder: ModelFolder,
    engine: str,
    *,
    layer: str | None = None,
    size: tuple[int, int] | None = None,
    pool: Pool = "average",
) -> FeatureModel:
    """Reads a model folder and loads its network, cut at a layer.

    Args:
        folder: the model folder.
        engine: a name in `ENGINE_NAMES`, or "auto".
        layer: in an ONNX file, the name of a node or a value, or None for the classifier's input.
            In a Darknet network, the layer's index in the cfg, which is required.
        size: (width, height) of the input; None takes model.json's, else the file's.
        pool: see `FeatureExtractor`.

    Raises:
        ModelError: files are missing, malformed or do not belong together; there is no such layer;
            the engine cannot run the network.
        StorageError: S3 failed.
    """
    listing = folder.files()
    with model_errors(f"the model {folder.location}"):
        reader = ModelReader(folder, listing)
        if reader.is_onnx():
            files, description = read_onnx_files(reader), reader.description()
            reader.check()

            def read(engine: str) -> FeatureNetwork:
                return _load_onnx(reader, files, description, engine, layer, size)
        else:
            darknet = _load_darknet(reader, layer, size)

            def read(engine: str) -> FeatureNetwork:
                return darknet

        def load(engine: str) -> FeatureExtractor:
            return FeatureExtractor(read(engine), engine=engine, pool=pool)

        extractor, name = load_with(engine, load)
    return FeatureModel(folder.name, reader.digest(), layer or extractor.output, extractor, name)


def _load_onnx(
    reader: ModelReader,
    files: OnnxFiles,
    description: Description | None,
    engine: str,
    layer: str | None,
    size: tuple[int, int] | None,
) -> FeatureNetwork:
    from .from_onnx import import_onnx_features

    with model_errors(files.name):
        network = import_onnx_features(
            files.onnx,
            engine=engine,
            layer=layer,
            input_size=size,
            description=description,
            weights=files.weights,
        )
        if engine == "opencv" and not reader.has_manifest:  # `push` tried the files it lists
            from ..models.trial import try_out

            try_out(network.onnx, network.weights)
    return network


def _load_darknet(
    reader: ModelReader, layer: str | None, size: tuple[int, int] | None
) -> FeatureNetwork:
    from .from_darknet import import_darknet_features

    description = reader.description()
    if description is not None:
        description.require_no_onnx_keys()
        size = size or description.input
    cfg = reader.cfg(reader.only(".cfg"))
    tree_name = reader.find(".tree")
    tree = reader.text(tree_name) if tree_name else None
    with reader.stream(reader.only(".weights")) as weights:
        network = import_darknet_features(cfg, weights, layer=layer, input_size=size, tree=tree)
    reader.check()
    if description is None:
        return network
    return replace(network, preprocessing=description.preprocessing(network.preprocessing))
