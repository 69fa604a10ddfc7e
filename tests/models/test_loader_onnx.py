import hashlib
import json
import subprocess
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

from modules.cli.local_aws.bucket import BUCKET, LocalBucket
from modules.errors import ModelError
from modules.models.folder import LocalFolder
from modules.models.loader import Model, load_model
from modules.models.store import ModelStore
from modules.settings import Settings
from tests.cli.command import models
from tests.colour_model import picture
from tests.object_detection.onnx import onnx_models
from tests.object_detection.onnx.onnx_layers import SIZE
from tests.object_detection.onnx.onnx_models import LABELS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model folder with an ONNX file in YOLOv8's format, which names its classes."""
    folder = tmp_path / "blobs"
    folder.mkdir()
    (folder / "best.onnx").write_bytes(onnx_models.yolov8())
    return folder


def load(folder: Path, **settings: str) -> Model:
    return load_model(LocalFolder(folder), Settings(**settings))  # type: ignore[arg-type]


def crashing(data: bytes) -> bytes:
    """Damages one letter of a node's input name, which crashes OpenCV 5.0.0.

    The name is then not UTF-8, and no value has this name.
    """
    nodes = onnx.load_from_string(data).graph.node
    name: bytes = next(node.input[0] for node in nodes if node.op_type == "Reshape").encode()
    return (b"\xfc" + name[1:]).join(data.rsplit(name, 1))


def printed_digest(folder: Path, files: str) -> str:
    command = f"sha256sum {files} | sha256sum"
    printed = subprocess.run(
        ["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=True
    ).stdout
    return f"sha256:{printed.split()[0]}"


@pytest.mark.parametrize("engine", ["opencv", "onnxruntime"])
def test_an_onnx_file_alone_loads_as_a_model(folder: Path, engine: str) -> None:
    model = load(folder, engine=engine)

    assert (model.name, model.labels) == ("blobs", LABELS)
    assert model.detector.input_size == SIZE
    assert model.digest == printed_digest(folder, "best.onnx")
    image = np.random.default_rng(1).integers(0, 256, (64, 96, 3)).astype(np.uint8)
    assert len(model.detector.detect(image)) > 0


def test_the_digest_covers_every_file_that_was_read(folder: Path) -> None:
    (folder / "blobs.names").write_text("a\nb\nc\n")
    (folder / "model.json").write_text("{}")
    (folder / "notes.md").write_text("not read")

    model = load(folder)

    assert model.labels == ("a", "b", "c")
    assert model.digest == printed_digest(folder, "best.onnx blobs.names model.json")


def test_the_same_file_in_a_bucket_has_the_same_digest(folder: Path, bucket: LocalBucket) -> None:
    bucket.upload_model(folder)
    store = ModelStore(bucket.client, Settings(model="models/blobs/"))

    assert store.model_for(BUCKET).digest == load(folder).digest


def test_model_json_sets_the_preprocessing(folder: Path) -> None:
    (folder / "model.json").write_text(json.dumps({"resize": "stretch"}))
    image = np.full((64, 192, 3), 114, np.uint8)
    cv2.circle(image, (96, 32), 20, (0, 0, 255), -1)

    stretched = load(folder).detector.detect(image)

    (folder / "model.json").unlink()
    expected = load(folder, resize="stretch").detector.detect(image)
    boxed = load(folder).detector.detect(image)
    np.testing.assert_array_equal(stretched.boxes, expected.boxes)
    assert stretched.boxes.tolist() != boxed.boxes.tolist()


@pytest.mark.parametrize("letter_box", [0, 1])
def test_a_converted_darknet_model_has_the_same_detections(
    colour_model: Path, folder: Path, letter_box: int
) -> None:
    cfg = colour_model / "colours.cfg"
    cfg.write_text(cfg.read_text().replace("channels=3", f"channels=3\nletter_box={letter_box}"))
    models("convert", colour_model, folder / "best.onnx", "--decode")
    image = picture(red=(2, 5), green=(6, 0)).repeat(2, axis=1)

    found, expected = (load(path).detector.detect(image) for path in (folder, colour_model))

    assert len(found) > 1
    np.testing.assert_allclose(found.boxes, expected.boxes, atol=1e-3)
    np.testing.assert_allclose(found.confidences, expected.confidences, atol=1e-5)
    np.testing.assert_array_equal(found.class_ids, expected.class_ids)


def test_model_json_applies_to_darknet_models_too(colour_model: Path) -> None:
    (colour_model / "model.json").write_text(json.dumps({"input": [128, 64]}))

    assert load(colour_model).detector.input_size == (128, 64)


def test_onnx_keys_in_model_json_are_refused_for_darknet(colour_model: Path) -> None:
    (colour_model / "model.json").write_text(json.dumps({"head": "classes"}))

    with pytest.raises(
        ModelError, match=r"model\.json: head is for \*\.onnx only; a Darknet model has it"
    ):
        load(colour_model)


def test_errors_name_the_model_and_the_file(folder: Path) -> None:
    (folder / "best.onnx").write_bytes(onnx_models.yolov8()[:-100])

    with pytest.raises(ModelError, match=rf"the model {folder}: best\.onnx: it is cut off"):
        load(folder)


def test_the_error_for_a_bad_model_json_names_the_model(folder: Path) -> None:
    (folder / "model.json").write_text('{"scale": 255}')

    with pytest.raises(ModelError, match=rf"the model {folder}: model\.json: scale is 255"):
        load(folder)


def test_a_wrong_number_of_labels_is_refused(folder: Path) -> None:
    (folder / "blobs.names").write_text("a\nb\n")

    with pytest.raises(
        ModelError,
        match=r"best\.onnx: 2 class names are given in blobs\.names, but its metadata has 3",
    ):
        load(folder)


@pytest.mark.parametrize("name", ["LICENSE.txt", "version.txt", "requirements.txt", "classes.txt"])
def test_a_txt_is_not_read_if_the_onnx_file_names_its_classes(name: str, folder: Path) -> None:
    before = load(folder)
    (folder / name).write_text("a\nb\nc\n")

    model = load(folder)

    assert (model.labels, model.digest) == (LABELS, before.digest)


def test_several_txts_do_not_matter_if_the_onnx_file_names_its_classes(folder: Path) -> None:
    (folder / "LICENSE.txt").write_bytes(b"\xff")
    (folder / "version.txt").write_text("1.0\n")

    assert load(folder).labels == LABELS


def test_names_come_from_the_first_of_model_json_names_the_onnx_file_and_a_txt(
    folder: Path,
) -> None:
    (folder / "best.onnx").write_bytes(onnx_models.yolov6())  # names no classes
    (folder / "classes.txt").write_text("a\nb\nc\n")
    from_txt = load(folder)
    (folder / "best.onnx").write_bytes(onnx_models.yolov8())
    from_onnx = load(folder)
    (folder / "blobs.names").write_text("d\ne\nf\n")
    from_names = load(folder)
    (folder / "model.json").write_text(json.dumps({"names": ["g", "h", "i"]}))
    from_json = load(folder)

    found = [model.labels for model in (from_txt, from_onnx, from_names, from_json)]
    assert found == [("a", "b", "c"), LABELS, ("d", "e", "f"), ("g", "h", "i")]
    assert from_names.digest == printed_digest(folder, "best.onnx blobs.names")
    assert from_json.digest == printed_digest(folder, "best.onnx model.json")


def test_several_txts_are_refused_if_nothing_else_names_the_classes(folder: Path) -> None:
    (folder / "best.onnx").write_bytes(onnx_models.yolov6())
    (folder / "classes.txt").write_text("a\nb\nc\n")
    (folder / "version.txt").write_text("1.0\n")

    with pytest.raises(
        ModelError, match=r"it has no \*\.names, and 2 files \*\.txt \(classes\.txt, version\.txt\)"
    ):
        load(folder)


def test_the_error_for_a_wrong_number_of_labels_names_their_file(folder: Path) -> None:
    (folder / "best.onnx").write_bytes(onnx_models.yolov6())
    (folder / "version.txt").write_text("1.0\n")

    with pytest.raises(ModelError, match=r"names for 1 classes in version\.txt; the network has 3"):
        load(folder)


def test_a_stray_txt_that_the_manifest_does_not_list_does_not_matter(folder: Path) -> None:
    digest = hashlib.sha256((folder / "best.onnx").read_bytes()).hexdigest()
    (folder / "SHA256SUMS").write_text(f"{digest}  best.onnx\n")
    before = load(folder)
    (folder / "LICENSE.txt").write_text("a\nb\nc\n")

    assert (load(folder).labels, load(folder).digest) == (LABELS, before.digest)


def test_model_json_may_have_a_byte_order_mark(folder: Path) -> None:
    (folder / "model.json").write_bytes(b'\xef\xbb\xbf{"names": ["a", "b", "c"]}')

    assert load(folder).labels == ("a", "b", "c")


def test_a_folder_with_two_networks_is_refused(folder: Path, colour_model: Path) -> None:
    (colour_model / "best.onnx").write_bytes(onnx_models.yolov8())
    (folder / "last.onnx").write_bytes(onnx_models.yolov8())

    with pytest.raises(ModelError, match=r"it has an \*\.onnx and colours\.cfg; it must have one"):
        load(colour_model)
    with pytest.raises(ModelError, match=r"2 files \*\.onnx \(best\.onnx, last\.onnx\)"):
        load(folder)


def test_an_unknown_class_in_the_settings_is_an_error(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"CLASSES names 'cat', .* person, dog, bicycle"):
        load_model(LocalFolder(folder), Settings(classes=("cat",)))


def test_a_file_that_crashes_opencv_is_refused(folder: Path) -> None:
    (folder / "best.onnx").write_bytes(crashing(onnx_models.yolov8()))

    with pytest.raises(ModelError, match=r"best\.onnx: OpenCV crashes on it \(SIG[A-Z]+\)"):
        load(folder)


def test_the_store_keeps_the_old_model_when_the_new_one_crashes_opencv(
    bucket: LocalBucket, folder: Path
) -> None:
    bucket.upload_model(folder)
    settings = Settings(model="models/blobs/", model_ttl_seconds=0)
    store = ModelStore(bucket.client, settings)
    before = store.model_for(BUCKET)

    broken = crashing(onnx_models.yolov8())
    bucket.client.put_object(Bucket=BUCKET, Key="models/blobs/best.onnx", Body=broken)

    assert store.model_for(BUCKET) is before


def test_a_model_with_a_manifest_is_not_tried_in_a_subprocess(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = hashlib.sha256((folder / "best.onnx").read_bytes()).hexdigest()
    (folder / "SHA256SUMS").write_text(f"{digest}  best.onnx\n")
    monkeypatch.setattr(subprocess, "run", None)

    assert load(folder).labels == LABELS
