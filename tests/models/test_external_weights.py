"""Models whose ONNX file has its weights in other files of the folder."""

import hashlib
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from modules.cli.local_aws.bucket import BUCKET, LocalBucket
from modules.errors import ModelError
from modules.features.loader import load_feature_model
from modules.models.folder import LocalFolder
from modules.models.loader import Model, load_model
from modules.models.store import ModelStore
from modules.object_detection.detections import Detections
from modules.object_detection.engines.registry import ENGINE_NAMES
from modules.settings import Settings
from modules.spark.io.model_files import MemoryFolder
from tests.cli.command import models
from tests.function.local_function import LocalFunction
from tests.models.test_loader_onnx import printed_digest
from tests.object_detection.onnx import onnx_models
from tests.object_detection.onnx.external import set_external, write_external

IMAGE = np.random.default_rng(1).integers(0, 256, (64, 96, 3)).astype(np.uint8)
SETTINGS = Settings(model="models/blobs/", model_ttl_seconds=0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with `best.onnx` and `best.onnx.data`."""
    return write_external(onnx_models.yolov8(), tmp_path / "blobs").parent


def load(folder: Path, **settings: str) -> Model:
    return load_model(LocalFolder(folder), Settings(**settings))  # type: ignore[arg-type]


def found(model: Model) -> Detections:
    return model.detector.detect(IMAGE, confidence=0.3)


def assert_same(model: Model, expected: Detections) -> None:
    np.testing.assert_array_equal(found(model).boxes, expected.boxes)
    np.testing.assert_array_equal(found(model).confidences, expected.confidences)


def expected_detections(tmp_path: Path, data: bytes, engine: str = "opencv") -> Detections:
    whole = tmp_path / "whole"
    whole.mkdir()
    (whole / "best.onnx").write_bytes(data)
    detections = found(load(whole, engine=engine))
    assert len(detections) > 3
    return detections


def trained_again(data: bytes) -> bytes:
    """Returns the same graph with other weights, as another training of the network has them."""
    model = onnx.load_from_string(data)
    kernel = next(weight for weight in model.graph.initializer if len(weight.dims) == 4)
    other = numpy_helper.to_array(kernel)[::-1].copy()
    kernel.CopyFrom(numpy_helper.from_array(other, kernel.name))
    return bytes(model.SerializeToString())


@pytest.mark.parametrize("engine", ENGINE_NAMES)
@pytest.mark.parametrize("with_manifest", [False, True])
def test_the_detections_are_those_of_the_model_in_one_file(
    folder: Path, tmp_path: Path, engine: str, with_manifest: bool
) -> None:
    if with_manifest:
        manifest = "".join(f"{_sha256(path)}  {path.name}\n" for path in sorted(folder.iterdir()))
        (folder / "SHA256SUMS").write_text(manifest)

    model = load(folder, engine=engine)

    assert_same(model, expected_detections(tmp_path, onnx_models.yolov8(), engine))
    assert model.digest == printed_digest(folder, "best.onnx best.onnx.data")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("name", ["weights.bin", "best.weights", "best.onnx_data", "a b.data", "ü"])
def test_the_weights_may_have_any_name(folder: Path, tmp_path: Path, name: str) -> None:
    (folder / "best.onnx.data").rename(folder / name)
    set_external(folder / "best.onnx", location=name)

    assert_same(load(folder), expected_detections(tmp_path, onnx_models.yolov8()))


def test_each_weight_may_have_its_own_file(tmp_path: Path) -> None:
    path = write_external(onnx_models.yolov8(), tmp_path / "blobs", each=True)
    assert len(list(path.parent.iterdir())) > 8

    model = load(path.parent)

    assert_same(model, expected_detections(tmp_path, onnx_models.yolov8()))


@pytest.mark.parametrize("engine", ENGINE_NAMES)
def test_a_missing_file_is_named_with_what_the_folder_has(folder: Path, engine: str) -> None:
    (folder / "best.onnx.data").unlink()

    with pytest.raises(
        ModelError,
        match=r"blobs: best\.onnx: its weights are in best\.onnx\.data, which is missing; put .* "
        r"in it: best\.onnx$",
    ):
        load(folder, engine=engine)


@pytest.mark.parametrize("engine", ENGINE_NAMES)
def test_a_short_file_is_named(folder: Path, engine: str) -> None:
    data = folder / "best.onnx.data"
    data.write_bytes(data.read_bytes()[:-1])

    with pytest.raises(ModelError, match=r"best\.onnx: best\.onnx\.data has [\d,]+ bytes; .* cut"):
        load(folder, engine=engine)


@pytest.mark.parametrize("target", ["outside.bin", "/etc/passwd"])
def test_a_link_out_of_the_folder_is_refused(folder: Path, target: str) -> None:
    (folder.parent / "outside.bin").write_bytes((folder / "best.onnx.data").read_bytes())
    (folder / "best.onnx.data").unlink()
    (folder / "best.onnx.data").symlink_to(folder.parent / target)

    with pytest.raises(
        ModelError, match=r"best\.onnx\.data, a link to a file outside of the folder"
    ):
        load(folder)


def test_a_link_within_the_folder_is_followed(folder: Path, tmp_path: Path) -> None:
    (folder / "best.onnx.data").rename(folder / "blob")
    (folder / "best.onnx.data").symlink_to("blob")

    assert_same(load(folder), expected_detections(tmp_path, onnx_models.yolov8()))


@pytest.mark.parametrize(
    "name", ["../blobs/best.onnx.data", "{folder}/best.onnx.data", "sub/best.onnx.data", "..\\x"]
)
def test_a_path_is_refused_by_name(folder: Path, name: str) -> None:
    set_external(folder / "best.onnx", location=name.format(folder=folder))

    with pytest.raises(ModelError, match=r"best\.onnx: its weight 'constant_\d+' is in '.*'; weig"):
        load(folder)


@pytest.mark.parametrize(
    "name", ["SHA256SUMS", "model.json", "best.onnx", "a.names", "LICENSE.txt"]
)
def test_a_file_of_another_kind_holds_no_weights(folder: Path, name: str) -> None:
    set_external(folder / "best.onnx", location=name)

    with pytest.raises(ModelError, match=f"its weights cannot be in {name}, which is another kind"):
        load(folder)


def test_a_darknet_file_beside_an_onnx_file_is_still_refused(folder: Path) -> None:
    (folder / "other.weights").write_bytes(b"")

    with pytest.raises(
        ModelError, match=r"an \*\.onnx and other\.weights; it must have one network"
    ):
        load(folder)


def test_a_data_file_that_the_graph_does_not_name_changes_nothing(folder: Path) -> None:
    digest = load(folder).digest
    (folder / "old.onnx.data").write_bytes(b"of another model")

    assert load(folder).digest == digest


def test_a_crash_of_opencv_is_found_in_a_subprocess_that_has_the_weights(folder: Path) -> None:
    path = folder / "best.onnx"
    nodes = onnx.load_model(path, load_external_data=False).graph.node
    name: bytes = next(node.input[0] for node in nodes if node.op_type == "Reshape").encode()
    path.write_bytes((b"\xfc" + name[1:]).join(path.read_bytes().rsplit(name, 1)))

    with pytest.raises(ModelError, match="OpenCV crashes on it"):
        load(folder, engine="opencv")


def test_the_model_in_a_bucket_has_the_same_digest_and_detections(
    folder: Path, tmp_path: Path, bucket: LocalBucket
) -> None:
    _push(folder)
    listed = bucket.client.get_object(Bucket=BUCKET, Key="models/blobs/SHA256SUMS")["Body"].read()

    model = ModelStore(bucket.client, SETTINGS).model_for(BUCKET)

    assert listed.decode() == "".join(
        f"{_sha256(folder / name)}  {name}\n" for name in ("best.onnx", "best.onnx.data")
    )
    assert model.digest == load(folder).digest
    assert_same(model, expected_detections(tmp_path, onnx_models.yolov8()))


def test_changed_weights_are_another_model(
    folder: Path, tmp_path: Path, bucket: LocalBucket
) -> None:
    bucket.upload_model(folder)
    store = ModelStore(bucket.client, SETTINGS)
    first = store.model_for(BUCKET)
    other = trained_again(onnx_models.yolov8())
    new = write_external(other, tmp_path / "new")
    assert new.read_bytes() == (folder / "best.onnx").read_bytes()

    _put(bucket, "best.onnx.data", (tmp_path / "new/best.onnx.data").read_bytes())
    second = store.model_for(BUCKET)

    assert second.digest != first.digest
    assert_same(second, expected_detections(tmp_path, other))


def test_the_graph_of_one_model_never_runs_with_the_weights_of_another(
    folder: Path, tmp_path: Path, bucket: LocalBucket
) -> None:
    _push(folder)
    store = ModelStore(bucket.client, SETTINGS)
    first = store.model_for(BUCKET)
    expected = found(first)
    new = write_external(trained_again(onnx_models.yolov8()), tmp_path / "new/blobs").parent

    _put(bucket, "best.onnx.data", (new / "best.onnx.data").read_bytes())
    kept = store.model_for(BUCKET)
    with pytest.raises(ModelError, match=r"best\.onnx\.data is not the file that SHA256SUMS lists"):
        ModelStore(bucket.client, SETTINGS).model_for(BUCKET)

    assert kept.digest == first.digest
    assert_same(kept, expected)
    _push(new)
    assert store.model_for(BUCKET).digest == load(new).digest


def test_weights_replaced_while_they_are_read_are_read_again(
    folder: Path, tmp_path: Path, bucket: LocalBucket
) -> None:
    bucket.upload_model(folder)
    other = trained_again(onnx_models.yolov8())
    new = write_external(other, tmp_path / "new")
    replacements = [(tmp_path / "new/best.onnx.data").read_bytes()]

    def replace(**_: object) -> None:
        if replacements:
            _put(bucket, "best.onnx.data", replacements.pop())

    bucket.client.meta.events.register("after-call.s3.ListObjectsV2", replace)

    model = ModelStore(bucket.client, SETTINGS).model_for(BUCKET)

    assert model.digest == load(new.parent).digest
    assert_same(model, expected_detections(tmp_path, other))


def test_the_weights_are_requested_together_with_the_graph(
    folder: Path, bucket: LocalBucket
) -> None:
    bucket.upload_model(folder)
    keys: list[str] = []
    both = threading.Barrier(2, timeout=120)

    def wait_for_the_other(params: dict[str, str], **_: object) -> None:
        keys.append(params["Key"])
        both.wait()

    bucket.client.meta.events.register("provide-client-params.s3.GetObject", wait_for_the_other)
    with ThreadPoolExecutor(8) as executor:
        store = ModelStore(bucket.client, Settings(model=f"s3://{BUCKET}/models/blobs/"), executor)
        store.prefetch()
        store.model_for(BUCKET)

    assert sorted(keys) == ["models/blobs/best.onnx", "models/blobs/best.onnx.data"]


def test_a_pushed_model_replaces_the_weights_of_the_old_one(
    folder: Path, tmp_path: Path, bucket: LocalBucket
) -> None:
    _push(folder)
    whole = tmp_path / "other/blobs"
    whole.mkdir(parents=True)
    (whole / "best.onnx").write_bytes(onnx_models.yolov8())

    _push(whole)

    listed = bucket.client.list_objects_v2(Bucket=BUCKET, Prefix="models/blobs/")["Contents"]
    names = {Path(item["Key"]).name for item in listed}
    assert names == {"best.onnx", "SHA256SUMS"}


def test_the_function_uses_weights_that_were_swapped(
    make_function: Callable[..., LocalFunction], bucket: LocalBucket, folder: Path, tmp_path: Path
) -> None:
    _push(folder)
    function = make_function(model="models/blobs/", model_ttl_seconds=0, confidence=0.3)
    first = detect(bucket, function)
    other = write_external(trained_again(onnx_models.yolov8()), tmp_path / "new/blobs").parent

    _push(other)
    second = detect(bucket, function)

    assert first["model"]["digest"] == load(folder).digest
    assert second["model"]["digest"] == load(other).digest
    assert first["detections"] != second["detections"]


@pytest.mark.parametrize("engine", ENGINE_NAMES)
def test_features_and_spark_read_the_same_folder(folder: Path, tmp_path: Path, engine: str) -> None:
    contents = {path.name: path.read_bytes() for path in folder.iterdir()}
    memory = MemoryFolder("blobs", "memory", contents)
    layer = next(
        node.output[0]
        for node in onnx.load_model(folder / "best.onnx", load_external_data=False).graph.node
        if node.op_type == "Tanh"
    )
    (tmp_path / "whole").mkdir()
    (tmp_path / "whole/best.onnx").write_bytes(onnx_models.yolov8())

    features = [
        load_feature_model(each, engine, layer=layer, size=(96, 64)).extractor.extract(IMAGE)
        for each in (LocalFolder(tmp_path / "whole"), LocalFolder(folder), memory.with_manifest())
    ]

    assert len(set(map(bytes, features))) == 1
    assert load_model(memory.with_manifest(), Settings(engine=engine)).digest == load(folder).digest


def detect(bucket: LocalBucket, function: LocalFunction) -> Any:
    """Drops the image, serves its event, and returns the document."""
    _, png = cv2.imencode(".png", IMAGE)
    bucket.client.put_object(Bucket=BUCKET, Key="input/a.png", Body=png.tobytes())
    for event in bucket.events():
        function.handle(event)
    answer = bucket.client.get_object(Bucket=BUCKET, Key="output/a.png.json")
    return json.loads(answer["Body"].read())


def _put(bucket: LocalBucket, name: str, data: bytes) -> None:
    bucket.client.put_object(Bucket=BUCKET, Key=f"models/blobs/{name}", Body=data)


def _push(folder: Path) -> None:
    pushed = models("push", folder, f"s3://{BUCKET}/models/")
    assert pushed.returncode == 0, pushed.stderr
