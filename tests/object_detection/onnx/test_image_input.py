from typing import Any

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from modules.errors import ModelError
from modules.features.from_onnx import import_onnx_features
from modules.object_detection.detections import Detections
from modules.object_detection.detector import Detector
from modules.object_detection.engines.registry import ENGINE_NAMES
from modules.object_detection.input_form import InputForm
from modules.object_detection.model_description import Description
from modules.object_detection.network import Network
from modules.object_detection.onnx.importer import import_onnx
from tests.object_detection.onnx import onnx_models
from tests.object_detection.onnx.input_forms import with_input
from tests.object_detection.onnx.onnx_layers import SIZE
from tests.object_detection.onnx.onnx_models import LABELS

WIDTH, HEIGHT = SIZE
# Larger than the input, so that it is resized and letterboxed, and with few equal pixels
IMAGE = cv2.resize(
    np.random.default_rng(1).integers(0, 256, (13, 10, 3)).astype(np.uint8), (130, 170)
)


def load(data: bytes, engine: str = "opencv", **description: Any) -> tuple[Network, Detector]:
    network, loaded = import_onnx(
        np.frombuffer(data, np.uint8),
        engine=engine,
        labels=LABELS,
        description=Description(**description),
    )
    return network, Detector(network, engine=loaded)


def detect(data: bytes, engine: str = "opencv") -> Detections:
    _, detector = load(data, engine)
    found = detector.detect(IMAGE, confidence=0.3)
    assert len(found) > 2
    return found


def assert_close(found: Detections, expected: Detections, atol: float = 1e-3) -> None:
    np.testing.assert_array_equal(found.class_ids, expected.class_ids)
    np.testing.assert_allclose(found.confidences, expected.confidences, atol=atol)
    np.testing.assert_allclose(found.boxes, expected.boxes, atol=atol * 170)


@pytest.mark.parametrize("engine", ENGINE_NAMES)
@pytest.mark.parametrize("element", ["float32", "uint8", "float16"])
@pytest.mark.parametrize("channels_last", [False, True], ids=["NCHW", "NHWC"])
@pytest.mark.parametrize("batch", [1, 2, 5])
def test_every_form_of_input_gives_the_detections_of_the_usual_one(
    engine: str, element: str, channels_last: bool, batch: int
) -> None:
    data = with_input(
        onnx_models.yolov8(), element=element, channels_last=channels_last, batch=batch
    )

    network, _ = load(data, engine)

    assert network.input_size == SIZE
    assert network.preprocessing.form == InputForm(channels_last, element == "uint8", batch)
    assert network.preprocessing.scale == (1 if element == "uint8" else 1 / 255)
    expected = detect(onnx_models.yolov8(), engine)
    assert_close(detect(data, engine), expected, 5e-3 if element == "float16" else 1e-3)


@pytest.mark.parametrize("resize", ["stretch", "letterbox", "letterbox-darknet"])
def test_pixels_of_uint8_are_the_images_own(resize: str) -> None:
    data = with_input(onnx_models.yolov8(), element="uint8", channels_last=True)
    network, _ = load(data, resize=resize, channels="bgr")

    blob, _ = network.preprocessing.apply(IMAGE, network.input_size)

    usual, _ = load(onnx_models.yolov8(), resize=resize, channels="bgr")
    expected, _ = usual.preprocessing.apply(IMAGE, usual.input_size)
    assert (str(blob.dtype), blob.shape) == ("uint8", (1, HEIGHT, WIDTH, 3))
    np.testing.assert_allclose(blob, 255 * expected.transpose(0, 2, 3, 1), atol=0.51)


def test_a_batch_holds_the_image_first_and_then_zeros() -> None:
    network, _ = load(with_input(onnx_models.yolov8(), batch=3))

    blob, _ = network.preprocessing.apply(IMAGE, network.input_size)

    usual, _ = load(onnx_models.yolov8())
    np.testing.assert_array_equal(blob[:1], usual.preprocessing.apply(IMAGE, SIZE)[0])
    assert blob.shape[0] == 3
    assert not blob[1:].any()


@pytest.mark.parametrize("batch", [2, 4])
def test_of_a_list_of_objects_only_those_of_the_first_image_count(batch: int) -> None:
    data = onnx_models.yolov7_end2end()

    found = detect(with_input(data, batch=batch), "onnxruntime")

    assert_close(found, detect(data, "onnxruntime"))


def test_a_list_of_objects_that_does_not_name_the_image_is_refused() -> None:
    data = onnx.load_from_string(onnx_models.yolov7_end2end())
    data.graph.node.append(
        helper.make_node("Slice", ["output", "begin", "end", "axis"], ["without_batch"])
    )
    for name, value in {"begin": 1, "end": 7, "axis": 1}.items():
        data.graph.initializer.append(helper.make_tensor(name, TensorProto.INT64, [1], [value]))
    data.graph.output[0].CopyFrom(
        helper.make_tensor_value_info("without_batch", TensorProto.FLOAT, ["n", 6])
    )

    with pytest.raises(ModelError, match=r"is for 3 images at once, .* export it for one image"):
        load(with_input(data.SerializeToString(), batch=3), "onnxruntime")


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ({"scale": 1 / 255}, r"model\.json: scale is 0\.00392157, but the network's input takes"),
        ({"mean": (0.4, 0.4, 0.4)}, r"mean is \[0\.4, 0\.4, 0\.4\], .* uint8: .* remove mean"),
        ({"scale": 1, "std": (58.0, 57.0, 57.0)}, "std is .* which the network itself scales"),
    ],
)
def test_a_scale_for_pixels_of_uint8_is_refused(description: dict[str, Any], message: str) -> None:
    data = with_input(onnx_models.yolov8(), element="uint8")

    with pytest.raises(ModelError, match=message):
        load(data, **description)

    assert load(data, scale=1)[0].preprocessing.scale == 1
    assert load(data, family="yolov8")[0].preprocessing.scale == 1


def with_shape(*shape: int | str, element: int = TensorProto.FLOAT) -> bytes:
    model = onnx.load_from_string(onnx_models.yolov8())
    model.graph.input[0].CopyFrom(helper.make_tensor_value_info("images", element, shape))
    return bytes(model.SerializeToString())


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (
            (1, 1, HEIGHT, WIDTH),
            r"images \[1, 1, 64, 96\] float32; its input has 1 channel, for grey",
        ),
        (
            (1, HEIGHT, WIDTH, 1),
            "its input has 1 channel, for grey images; images have 3, red, gree",
        ),
        (
            (1, 4, HEIGHT, WIDTH),
            "its input has 4 channels, for images with transparency; images ha",
        ),
        ((1, HEIGHT, WIDTH, 4), "its input has 4 channels, .*: train and export the network for 3"),
        ((1, 6, HEIGHT, WIDTH), "its input has 6 channels; images have 3"),
        (("n", 1, "h", "w"), "its input has 1 channel, for grey images"),
        ((1, 200, 64, 96), r"it must be \[1, 3, height, width\] or \[1, height, width, 3\]"),
        ((3, HEIGHT, WIDTH), r"it must be \[1, 3, height, width\]"),
        ((65, 3, HEIGHT, WIDTH), "for 65 images at once; it may be for up to 64"),
    ],
)
def test_an_input_that_takes_no_colour_image_is_refused(
    shape: tuple[int | str, ...], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        load(with_shape(*shape))


@pytest.mark.parametrize(
    ("element", "name"),
    [(TensorProto.INT8, "int8"), (TensorProto.DOUBLE, "float64"), (TensorProto.INT64, "int64")],
)
def test_an_input_of_another_type_is_refused(element: int, name: str) -> None:
    message = f"images .* {name}; it must take float32, float16 or uint8"

    with pytest.raises(ModelError, match=message):
        load(with_shape(1, 3, HEIGHT, WIDTH, element=element))


@pytest.mark.parametrize("engine", ENGINE_NAMES)
@pytest.mark.parametrize("element", ["float32", "uint8"])
def test_features_take_every_form_too(engine: str, element: str) -> None:
    from modules.features.extractor import FeatureExtractor

    usual = onnx_models.yolov8()
    layer = next(
        node.output[0] for node in onnx.load_from_string(usual).graph.node if node.op_type == "Tanh"
    )
    scaled = Description(mean=(0, 0, 0), std=(1, 1, 1), scale=1 / 255)
    features = [
        FeatureExtractor(
            import_onnx_features(
                np.frombuffer(data, np.uint8), engine=engine, layer=layer, description=description
            ),
            engine=engine,
        ).extract(IMAGE)
        for data, description in (
            (usual, scaled),
            (
                with_input(usual, element=element, channels_last=True),
                None if element == "uint8" else scaled,
            ),
        )
    ]

    np.testing.assert_allclose(features[0], features[1], atol=1e-2 if element == "uint8" else 1e-5)
