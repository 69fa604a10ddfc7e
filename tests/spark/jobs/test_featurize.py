from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
from pyspark.sql import SparkSession

from tests.resnet50 import resnet50
from tests.spark.conftest import Batch, Store, rows

_MEAN, _STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ONNX file of ResNet50 with an eighth of its channels."""
    path = tmp_path_factory.mktemp("networks") / "resnet50.onnx"
    onnx.save(resnet50(width=8), path)
    return path


def classifier_input(network: Path, image: Path, side: int) -> np.ndarray:
    """Computes the classifier's input with ONNX Runtime and the model zoo's preprocessing."""
    model = onnx.load(network)
    (gemm,) = [node for node in model.graph.node if node.op_type == "Gemm"]
    model.graph.output.append(onnx.ValueInfoProto(name=gemm.input[0]))
    for size in model.graph.input[0].type.tensor_type.shape.dim[2:]:
        size.dim_value = side
    session = onnxruntime.InferenceSession(model.SerializeToString())
    pixels = cv2.resize(cv2.imread(str(image)), (side, side))[:, :, ::-1] / 255
    blob = ((pixels - _MEAN) / _STD).astype(np.float32).transpose(2, 0, 1)[np.newaxis]
    found: np.ndarray = session.run([gemm.input[0]], {session.get_inputs()[0].name: blob})[0][0]
    return found


def test_features_of_resnet_are_the_input_of_its_classifier(
    batch: Batch, spark: SparkSession, photos: Path, network: Path, tmp_path: Path
) -> None:
    code = batch(
        *("featurize", photos, "--model", network, "--size", 100, "--output", tmp_path / "out")
    )

    found = rows(spark, tmp_path / "out")
    assert code == 0
    assert len(found) == 12
    assert {row["label"] for row in found} == {"odd", "even"}
    for row in found[:3]:
        expected = classifier_input(network, Path(row["path"].removeprefix("file:")), 100)
        np.testing.assert_allclose(row["features"], expected, rtol=1e-3, atol=1e-4)


def test_a_layer_can_be_chosen_and_all_its_values_kept(
    batch: Batch, spark: SparkSession, photos: Path, colours: Path, tmp_path: Path
) -> None:
    code = batch(
        *("featurize", photos, "--model", colours, "--layer", 0, "--pool", "none"),
        *("--output", tmp_path / "out"),
    )

    found = rows(spark, tmp_path / "out")
    assert code == 0
    # layer 0 of the Darknet network: the maximum of each 8 x 8 pixels, for red, green, blue
    planes = np.array(found[0]["features"]).reshape(3, 8, 8)
    assert planes[0, 5, 0] == 1  # the red square
    assert planes[1, 0, 6] == 1  # the green one
    assert planes.sum() == 2


def test_an_unknown_layer_is_reported_before_any_output_is_written(
    batch: Batch,
    photos: Path,
    network: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = batch(
        *("featurize", photos, "--model", network, "--layer", "nowhere"),
        *("--output", tmp_path / "out"),
    )

    assert code == 2
    assert "it has no layer 'nowhere'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_bad_image_is_a_row_with_an_error(
    batch: Batch, spark: SparkSession, photos: Path, network: Path, tmp_path: Path
) -> None:
    (photos / "odd" / "broken.jpg").write_text("no image")

    code = batch(
        *("featurize", photos, "--model", network, "--size", 32, "--output", tmp_path / "out")
    )

    (broken,) = [row for row in rows(spark, tmp_path / "out") if row["error"]]
    assert code == 1
    assert broken["path"].endswith("odd/broken.jpg")
    assert broken["features"] is None


def test_run_featurizes_and_reduces_from_bucket_to_bucket(
    batch: Batch, spark: SparkSession, store: Store, photos: Path, network: Path
) -> None:
    for path in photos.rglob("*.png"):
        store.put(f"fruits/{path.relative_to(photos)}", path.read_bytes())
    store.put("models/resnet50.onnx", network.read_bytes())

    code = batch(
        *("run", f"{store.location}/fruits", "--model", f"{store.location}/models/resnet50.onnx"),
        *("--size", 32, "--pca", 4, "--output", f"{store.location}/reduced"),
    )

    assert code == 0
    assert spark.read.parquet(f"{store.location}/reduced/features").count() == 12
    lines = store.get("reduced/scores.csv").decode().splitlines()
    assert lines[0] == "path,label,pca_1,pca_2,pca_3,pca_4"
    assert len(lines) == 13
    assert {line.split(",")[1] for line in lines[1:]} == {"odd", "even"}
    assert store.get("reduced/scatter.png").startswith(b"\x89PNG")
    assert "reduced/pca.npz" in store.keys("reduced/pca")
