"""A graph that decodes its boxes finds the same boxes as its heads."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from modules.errors import CfgError
from modules.object_detection.darknet import import_darknet
from modules.object_detection.detector import Detector
from modules.object_detection.engines.registry import ENGINE_NAMES, create_engine
from modules.object_detection.heads.candidates import Candidates
from modules.object_detection.heads.head import HeadPerOutput
from modules.object_detection.images import decode_image
from modules.object_detection.network import Network
from tests.colour_model import CFG, picture, weights
from tests.object_detection.darknet.random_models import SIZE, random_input, random_weights

# [region]; [yolo], also with scale_x_y, with new_coords, and with groups and scale_channels
CFGS = ["yolov2-tiny-voc", "yolov3-tiny-prn", "yolov4-tiny-3l", "yolov7-tiny", "enet-coco"]


def run(network: Network, engine: str, blob: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    return create_engine(engine, network.onnx, network.outputs).forward(blob)


def test_boxes_are_ordered_by_anchor_row_and_column() -> None:
    """The expected values follow YOLOv3's formulas; the network is that of colour_model.py."""
    blob = np.random.default_rng(0).random((1, 3, 64, 64), np.float32)
    cfg = CFG.replace("anchors=8,8\nnum=1", "anchors=8,4, 6,10\nnum=2").replace(
        "mask=0", "mask=1,0"
    )
    cfg = cfg.replace("filters=7", "filters=14").replace("[maxpool]", "[maxpool]", 1)
    kernel = np.random.default_rng(1).normal(size=(14, 3)).astype("<f4")
    bias = np.random.default_rng(2).normal(size=14).astype("<f4")
    stream = io.BytesIO(weights()[:20] + bias.tobytes() + kernel.tobytes())

    (boxes,) = run(import_darknet(cfg, stream, decoded=True), "onnxruntime", blob)

    assert boxes.shape == (1, 2 * 8 * 8, 5 + 2)
    for anchor, (width, height) in enumerate([(6, 10), (8, 4)]):
        for row, column in [(0, 0), (3, 5), (7, 7)]:
            cell = blob[0, :, row * 8 : row * 8 + 8, column * 8 : column * 8 + 8].max(axis=(1, 2))
            t = (kernel @ cell + bias)[anchor * 7 : anchor * 7 + 7]
            sigmoid = 1 / (1 + np.exp(-t))
            expected = [
                8 * (column + sigmoid[0]),
                8 * (row + sigmoid[1]),
                width * np.exp(t[2]),
                height * np.exp(t[3]),
                *sigmoid[4:],
            ]
            assert boxes[0, anchor * 64 + row * 8 + column] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("engine", ENGINE_NAMES)
@pytest.mark.parametrize("name", CFGS)
def test_every_kind_of_head_finds_the_same_boxes_finest_level_first(
    name: str, engine: str, shared: Callable[[str], Path]
) -> None:
    cfg = shared(f"cfg/{name}.cfg").read_text()
    data = random_weights(cfg)
    raw = import_darknet(cfg, io.BytesIO(data), input_size=SIZE)
    assert isinstance(raw.head, HeadPerOutput)
    decoded = import_darknet(cfg, io.BytesIO(data), input_size=SIZE, decoded=True)
    blob = random_input()

    outputs = zip(raw.head.parts, run(raw, engine, blob), strict=True)
    finest_first = sorted(outputs, key=lambda pair: -pair[1].size)
    expected = Candidates.concatenate(
        [part.decode([output], SIZE, 0.0) for part, output in finest_first]
    )
    found = decoded.head.decode(run(decoded, engine, blob), SIZE, 0.0)

    assert decoded.classes == raw.classes
    assert found.class_ids.tolist() == expected.class_ids.tolist()
    assert found.confidences == pytest.approx(expected.confidences, rel=1e-4, abs=1e-6)
    assert found.boxes == pytest.approx(expected.boxes, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("classes", [1, 2])
def test_the_graph_is_valid_onnx(classes: int) -> None:
    cfg = CFG.replace("classes=2", f"classes={classes}").replace(
        "filters=7", f"filters={5 + classes}"
    )
    network = import_darknet(cfg, io.BytesIO(random_weights(cfg)), decoded=True)

    onnx.checker.check_model(onnx.load_from_string(network.onnx.tobytes()), full_check=True)


def test_the_objectness_of_a_single_class_is_its_confidence() -> None:
    """For a single class, some programs take the objectness as the confidence."""
    cfg = CFG.replace("classes=2", "classes=1").replace("filters=7", "filters=6")
    data = random_weights(cfg)
    blob = np.random.default_rng(0).random((1, 3, 64, 64), np.float32)
    raw = import_darknet(cfg, io.BytesIO(data))
    expected = raw.head.decode(run(raw, "opencv", blob), (64, 64), 0.0)

    (boxes,) = run(import_darknet(cfg, io.BytesIO(data), decoded=True), "opencv", blob)

    assert (boxes[0, :, 5] == 1).all()
    assert np.sort(boxes[0, :, 4]) == pytest.approx(np.sort(expected.confidences), rel=1e-5)


@pytest.mark.parametrize("engine", ENGINE_NAMES)
def test_the_colour_model_finds_its_squares(engine: str) -> None:
    network = import_darknet(CFG, io.BytesIO(weights()), decoded=True)

    found = Detector(network, engine=engine).detect(picture(red=(2, 5), green=(6, 0)))

    assert found.boxes.tolist() == [[16, 40, 24, 48], [48, 0, 56, 8]]
    assert found.class_ids.tolist() == [0, 1]


@pytest.mark.parametrize("engine", ENGINE_NAMES)
@pytest.mark.parametrize("name", ["yolo-fastest-1.1", "yolo-fastest-1.1-xl"])
def test_real_photos_give_the_same_detections(
    name: str, engine: str, shared: Callable[[str], Path]
) -> None:
    folder = shared(f"models/{name}")
    cfg, data = (folder / f"{name}.cfg").read_text(), (folder / f"{name}.weights").read_bytes()
    one, other = (
        Detector(import_darknet(cfg, io.BytesIO(data), decoded=decoded), engine=engine)
        for decoded in (False, True)
    )

    photos = sorted(shared("photos").glob("*.jpg"))
    assert photos
    for photo in photos:
        image = decode_image(photo.read_bytes(), max_pixels=10**8).pixels
        expected, found = one.detect(image), other.detect(image)
        assert found.class_ids.tolist() == expected.class_ids.tolist()
        assert found.confidences == pytest.approx(expected.confidences, abs=1e-5)
        assert found.boxes == pytest.approx(expected.boxes, abs=0.01)


@pytest.mark.parametrize("engine", ENGINE_NAMES)
def test_uncertainties_lower_the_objectness_of_gaussian_boxes(engine: str) -> None:
    cfg = CFG.replace("[yolo]", "[Gaussian_yolo]\nscale_x_y=1.2").replace("filters=7", "filters=11")
    data = random_weights(cfg)
    blob = np.random.default_rng(0).random((1, 3, 64, 64), np.float32)
    raw = import_darknet(cfg, io.BytesIO(data))
    expected = raw.head.decode(run(raw, engine, blob), (64, 64), 0.0)

    decoded = import_darknet(cfg, io.BytesIO(data), decoded=True)
    found = decoded.head.decode(run(decoded, engine, blob), (64, 64), 0.0)

    assert len(expected.boxes) == 64
    assert found.confidences == pytest.approx(expected.confidences, rel=1e-5)
    assert found.boxes == pytest.approx(expected.boxes, abs=1e-5)


def test_a_tree_of_classes_cannot_be_decoded_in_the_graph() -> None:
    cfg = CFG.replace("[yolo]", "[region]\nsoftmax=1\ntree=any")

    with pytest.raises(CfgError, match="classes that form a tree cannot be decoded in the graph"):
        import_darknet(cfg, io.BytesIO(), tree="red -1\ngreen -1\n", decoded=True)
