import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import ModelProto

from modules.cli.local_aws.bucket import BUCKET, LocalBucket
from modules.errors import ModelError
from modules.features.loader import FeatureModel, load_feature_model
from modules.models.folder import LocalFolder, S3Folder
from tests.colour_model import picture
from tests.features.onnx_networks import edited
from tests.models.test_loader_onnx import printed_digest
from tests.object_detection.onnx import onnx_models
from tests.resnet50 import FLAT, POOLED, write_resnet50

WIDTH = 8
FEATURES = 32 * WIDTH


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = write_resnet50(tmp_path_factory.mktemp("made") / "resnet", width=WIDTH)
    return (folder / "resnet50-v1-12.onnx").read_bytes()


@pytest.fixture
def folder(tmp_path: Path, data: bytes) -> Path:
    """Returns a model folder with a narrow ResNet-50, and no names."""
    folder = tmp_path / "resnet50"
    folder.mkdir()
    (folder / "resnet50.onnx").write_bytes(data)
    return folder


def load(folder: Path, engine: str = "onnxruntime", **options: Any) -> FeatureModel:
    return load_feature_model(LocalFolder(folder), engine, **options)


def photo() -> NDArray[np.uint8]:
    return np.random.default_rng(9).integers(0, 256, (100, 120, 3)).astype(np.uint8)


def test_resnet50_yields_its_pooled_features(folder: Path) -> None:
    found = [load(folder, engine) for engine in ("opencv", "onnxruntime")]

    assert {model.layer for model in found} == {FLAT}
    assert {model.extractor.size for model in found} == {FEATURES}
    assert {model.extractor.input_size for model in found} == {(224, 224)}
    opencv, onnxruntime = (model.extractor.extract(photo()) for model in found)
    np.testing.assert_allclose(opencv, onnxruntime, atol=1e-4)
    assert (onnxruntime > 0.01).mean() > 0.5


def test_a_model_has_the_name_of_its_folder_and_the_digest_of_its_files(folder: Path) -> None:
    (folder / "model.json").write_text('{"channels": "rgb"}')
    (folder / "resnet50.names").write_text("not read")

    model = load(folder)

    assert model.name == "resnet50"
    assert model.digest == printed_digest(folder, "model.json resnet50.onnx")


@pytest.mark.parametrize(
    ("layer", "pool", "size"),
    [
        (POOLED, "average", FEATURES),
        ("resnetv17_stage3_activation5", "average", FEATURES // 2),
        ("resnetv17_stage3_activation5", "none", FEATURES // 2 * 4 * 4),
    ],
)
def test_any_layer_of_an_onnx_file_may_be_named(
    folder: Path, layer: str, pool: Any, size: int
) -> None:
    model = load(folder, layer=layer, pool=pool, size=(64, 64))

    assert (model.layer, model.extractor.size) == (layer, size)


def test_a_requested_size_overrides_the_files(folder: Path) -> None:
    model = load(folder, size=(100, 80))

    assert model.extractor.input_size == (100, 80)
    assert model.extractor.size == FEATURES


def test_model_json_changes_the_preprocessing(folder: Path) -> None:
    by_itself = load(folder, size=(64, 32)).extractor.extract(photo())
    imagenets = {"scale": 1, "mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375]}
    (folder / "model.json").write_text(json.dumps({"input": [64, 32], **imagenets}))
    in_pixels = load(folder)
    (folder / "model.json").write_text('{"channels": "bgr", "input": [64, 32]}')
    swapped = load(folder).extractor.extract(photo())

    assert in_pixels.extractor.input_size == (64, 32)
    np.testing.assert_allclose(in_pixels.extractor.extract(photo()), by_itself, atol=1e-4)
    assert np.abs(swapped - by_itself).max() > 0.1


def test_the_same_file_in_a_bucket_is_the_same_model(folder: Path, bucket: LocalBucket) -> None:
    bucket.upload_model(folder)

    model = load_feature_model(
        S3Folder(bucket.client, BUCKET, "models/resnet50/"), "onnxruntime", size=(64, 64)
    )

    here = load(folder, size=(64, 64))
    assert (model.name, model.digest) == ("resnet50", here.digest)
    np.testing.assert_array_equal(model.extractor.extract(photo()), here.extractor.extract(photo()))


def test_a_darknet_layer_is_named_by_its_index_and_needs_no_names(colour_model: Path) -> None:
    (colour_model / "colours.names").unlink()

    model = load(colour_model, "opencv", layer="0", pool="none")

    assert (model.name, model.layer, model.extractor.size) == ("colours", "0", 3 * 8 * 8)
    assert model.digest == printed_digest(colour_model, "*.cfg *.weights")
    red = model.extractor.extract(picture(red=(2, 5))).reshape(3, 8, 8)
    assert np.argwhere(red).tolist() == [[0, 5, 2]]


def test_a_darknet_layer_is_required(colour_model: Path) -> None:
    with pytest.raises(
        ModelError, match=rf"the model {colour_model}: no layer is named; it has 3 layers, name one"
    ):
        load(colour_model)


def test_model_json_applies_to_darknet_networks_too(colour_model: Path) -> None:
    (colour_model / "model.json").write_text('{"input": [128, 64], "mean": [1, 0, 0]}')

    model = load(colour_model, layer="0")

    assert model.extractor.input_size == (128, 64)
    black = np.zeros((64, 128, 3), np.uint8)
    np.testing.assert_array_equal(model.extractor.extract(black), [-1, 0, 0])


def test_keys_for_onnx_only_are_refused_for_darknet(colour_model: Path) -> None:
    (colour_model / "model.json").write_text('{"head": "classes"}')

    with pytest.raises(ModelError, match=r"model\.json: head is for \*\.onnx"):
        load(colour_model, layer="0")


def test_errors_name_the_model_and_the_file(folder: Path, data: bytes) -> None:
    with pytest.raises(ModelError, match=rf"the model {folder}: resnet50\.onnx: it has no layer"):
        load(folder, layer="resnetv17_pool2_fwd")
    (folder / "resnet50.onnx").write_bytes(data[:-100])
    with pytest.raises(ModelError, match=rf"the model {folder}: resnet50\.onnx: it is cut off"):
        load(folder)


def test_a_folder_with_two_networks_is_refused(
    folder: Path, colour_model: Path, data: bytes
) -> None:
    (colour_model / "best.onnx").write_bytes(data)

    with pytest.raises(ModelError, match=r"it has an \*\.onnx and colours\.cfg; it must have one"):
        load(colour_model)


def test_a_folder_without_a_network_is_refused_with_its_files(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("nothing yet")

    with pytest.raises(ModelError, match=r"it has no \*\.cfg; in it: notes\.md"):
        load(tmp_path)


def test_a_file_that_differs_from_the_manifest_is_refused(folder: Path) -> None:
    (folder / "SHA256SUMS").write_text(f"{'0' * 64}  resnet50.onnx\n")

    with pytest.raises(ModelError, match=r"resnet50\.onnx"):
        load(folder)


def test_a_file_that_crashes_opencv_is_refused_without_a_crash_here(folder: Path) -> None:
    """OpenCV 5.0.0 divides by a stride of zero, which ends the process."""

    def zero_stride(model: ModelProto) -> None:
        convolution = next(node for node in model.graph.node if node.op_type == "Conv")
        (strides,) = (item for item in convolution.attribute if item.name == "strides")
        strides.ints[0] = 0

    (folder / "resnet50.onnx").write_bytes(edited(onnx_models.yolov8(), zero_stride))

    with pytest.raises(ModelError, match=r"resnet50\.onnx: OpenCV crashes on it \(SIG[A-Z]+\)"):
        load(folder, "opencv", layer="output0")


def test_a_model_with_a_manifest_is_not_tried_in_a_subprocess(
    folder: Path, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = hashlib.sha256(data).hexdigest()
    (folder / "SHA256SUMS").write_text(f"{digest}  resnet50.onnx\n")
    monkeypatch.setattr(subprocess, "run", None)

    assert load(folder, "opencv", size=(64, 64)).extractor.size == FEATURES
