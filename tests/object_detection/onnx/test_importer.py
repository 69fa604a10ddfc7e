"""Which ONNX files the importer refuses, and what `model.json` changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.transformers.float16 import convert_float_to_float16

from modules.errors import ModelError
from modules.object_detection.detector import Detector
from modules.object_detection.heads.classes import ClassHead
from modules.object_detection.heads.objectness import ObjectnessHead
from modules.object_detection.model_description import Description
from modules.object_detection.network import Network
from modules.object_detection.onnx.importer import import_onnx
from tests.object_detection.onnx import extended_models, onnx_models
from tests.object_detection.onnx.onnx_layers import ANCHORS, CELLS, SIZE, cells
from tests.object_detection.onnx.onnx_models import (
    CLASSES,
    LABELS,
    constant_outputs,
    ultralytics,
)

PIXELS = (1, 3, SIZE[1], SIZE[0])


def load(
    data: bytes,
    *,
    engine: str = "opencv",
    labels: tuple[str, ...] | None = LABELS,
    **description: Any,
) -> Network:
    network, _ = import_onnx(
        np.frombuffer(data, np.uint8),
        engine=engine,
        labels=labels,
        description=Description(**description),
    )
    return network


def edited(data: bytes, edit: Callable[[onnx.ModelProto], None]) -> bytes:
    model = onnx.load_from_string(data)
    edit(model)
    return bytes(model.SerializeToString())


def assert_refused(data: bytes, message: str, **others: Any) -> None:
    with pytest.raises(ModelError, match=message):
        load(data, **others)


def rows_in_pixels() -> Any:
    """Makes `(1, CELLS, 5 + CLASSES)`: a box at each cell; objectness and probabilities are 0.5."""
    grid, stride = cells()
    boxes = np.concatenate([(grid + 0.5) * stride, np.repeat(stride, 2, axis=1)], axis=1)
    return np.concatenate([boxes, np.full((CELLS, 1 + CLASSES), 0.5)], axis=1)[np.newaxis]


def test_given_names_override_those_of_the_file() -> None:
    data = onnx_models.yolov8()

    assert load(data, labels=None).labels == LABELS
    assert load(data, labels=("Mensch", "Hund", "Rad")).labels == ("Mensch", "Hund", "Rad")
    assert load(data, labels=None, names=("a", "b", "c")).labels == ("a", "b", "c")


def test_names_in_the_metadata_may_be_a_list() -> None:
    data = onnx_models.yolov8(metadata={"names": str(list(LABELS))})

    assert load(data, labels=None).labels == LABELS


def test_a_file_without_names_is_refused_if_none_are_given() -> None:
    assert_refused(
        onnx_models.yolov6(), r"does not name its 3 classes; .* in a \*\.names", labels=None
    )
    assert_refused(onnx_models.yolov7_end2end(), r"how many classes there are; .* in a \*\.names",
            labels=None, engine="onnxruntime")  # fmt: skip


def test_names_that_do_not_match_the_network_are_refused() -> None:
    assert_refused(
        onnx_models.yolov6(), "names for 2 classes; the network has 3", labels=LABELS[:2]
    )
    assert_refused(
        onnx_models.yolov8(), "2 class names are given, but its metadata has 3", labels=LABELS[:2]
    )
    assert_refused(
        onnx_models.yolov8(metadata={"names": "{1: 'dog'}"}), "the names in its metadata must be"
    )
    assert_refused(
        onnx_models.yolov8(metadata={"names": "person"}), "the names in its metadata must be"
    )


def test_a_network_of_any_size_runs_at_the_size_in_its_metadata() -> None:
    data = onnx_models.yolov8(free_size=True)

    assert load(data).input_size == SIZE


def test_a_size_in_model_json_must_fit_the_network() -> None:
    free, fixed = onnx_models.yolov8(free_size=True), onnx_models.yolov8()

    assert_refused(free, "cannot be 96 x 60: both must be multiples of 32", input=(96, 60))
    assert_refused(
        fixed, r"input is \(64, 64\); it is fixed, at images \[1, 3, 64, 96\]", input=(64, 64)
    )
    assert load(fixed, input=SIZE).input_size == SIZE


@pytest.mark.parametrize("imgsz", ["[60, 96]", "[0, 96]", "[96]", "['a', 'b']"])
def test_an_impossible_size_in_the_metadata_is_refused(imgsz: str) -> None:
    data = onnx_models.yolov8(free_size=True, metadata=ultralytics(imgsz=imgsz))

    assert_refused(data, r"cannot be 96 x 60|the imgsz in its metadata is")


@pytest.mark.parametrize("task", ["classify", "semantic"])
def test_another_task_is_refused(task: str) -> None:
    data = onnx_models.yolov8(metadata=ultralytics(task=task))

    assert_refused(data, f"its task is '{task}'; only detectors are supported")


def test_a_task_that_the_outputs_contradict_is_refused() -> None:
    segment = onnx_models.yolov8(metadata=ultralytics(task="segment"))
    detect = extended_models.segment(metadata=ultralytics(task="detect"))

    assert_refused(segment, "states the task 'segment', but its output .* looks like a box and cla")
    assert load(segment, head="classes").head == ClassHead(CLASSES)
    assert_refused(detect, "states the task 'detect', but its output .* with coefficients of masks")


def test_metadata_that_state_a_transformer_are_not_read_as_another_family() -> None:
    data = onnx_models.yolov8(metadata=ultralytics(head="RTDETRDecoder"))

    assert_refused(data, 'states an RT-DETR, .*; give model.json "head": "classes" if')
    assert load(data, head="classes").head.summary.name == "classes"


@pytest.mark.parametrize(
    "outputs",
    [
        [np.full((1, 1000), 0.001)],  # a classifier
        [np.full((1, 300, 84), 0.1)],  # DETR
        [np.full((1, 7, CELLS), 0.1), np.full((1, 32, 16, 24), 0.1)],  # segmentation
        [np.full((1, 1, 64, 96), 0.1)],  # a mask
        [np.full((2, 7, CELLS), 0.1)],
        [np.float32(0.5)],
    ],
    ids=lambda outputs: "+".join(str(np.shape(output)) for output in outputs),
)
def test_unknown_outputs_are_refused_with_their_shapes(outputs: list[Any]) -> None:
    shape = str(list(np.shape(outputs[0]))).replace("[", r"\[").replace("]", r"\]")

    assert_refused(constant_outputs(*outputs), rf"output0 {shape}.*known are", engine="onnxruntime")


def test_a_classifier_is_refused_in_words() -> None:
    assert_refused(constant_outputs(np.full((1, 1000), 0.001)), "it looks like a classifier, which")


def test_boxes_and_scores_that_can_be_neither_kind_are_refused_with_the_reasons() -> None:
    boxes, scores = np.full((1, 300, 4), 0.1), np.full((1, 300, 80), 0.1)

    assert_refused(
        constant_outputs(boxes, scores),
        "its scores are probabilities already, .*its boxes are not x1, y1, x2, y2 in pixels",
    )


def test_a_transformer_of_two_classes_is_not_read_as_rows_of_objects() -> None:
    output = np.full((1, 300, 6), 0.3)

    assert_refused(constant_outputs(output), "its rows are not x1, y1, x2, y2 in pixels")


def test_a_list_that_may_be_a_grid_is_refused_if_no_image_has_objects() -> None:
    nothing = constant_outputs(np.zeros((1, CELLS, 6)))

    assert_refused(nothing, r'several readings, .*"head": "end-to-end" \(a list')
    assert load(nothing, head="end-to-end").head.suppressed
    assert load(constant_outputs(np.zeros((1, CELLS - 1, 6)))).head.suppressed


def test_unsorted_rows_that_are_not_at_cells_are_refused() -> None:
    rows = [[10, 10, 40, 40, 0.3, 0], [50, 20, 70, 60, 0.9, 0], [5, 5, 9, 9, 0.5, 0]]

    assert_refused(
        constant_outputs([rows]), 'its scores do not fall; .*"head": "end-to-end", or else'
    )
    assert not load(constant_outputs([rows]), head="corners").head.suppressed


@pytest.mark.parametrize("score", [0, 0.3])
def test_many_boxes_with_one_score_are_no_list(score: float) -> None:
    rows = rows_in_pixels()[:, : CELLS - 6, :6]  # no known grid
    rows[0, :, 2:4] += rows[0, :, :2]
    rows[0, :, 4:] = score, 0

    assert_refused(constant_outputs(rows), '"head": "end-to-end" .* or "head": "corners" ')


def test_centres_sizes_scores_and_classes_are_refused() -> None:
    rows = rows_in_pixels()[:, :, :6]
    rows[0, :, 2:4] = 8
    rows[0, :, 5] = 0

    assert_refused(constant_outputs(rows), "it holds whole classes, not probabilities")
    assert_refused(
        constant_outputs(np.concatenate([rows, rows[:, :, 4:5]], axis=2)),
        "it holds whole classes, not probabilities",
    )


def test_columns_of_objects_are_not_read_as_probabilities() -> None:
    rows = rows_in_pixels()[:, :, :6]
    rows[0, :, 2:4] += rows[0, :, :2]
    rows[0, :, 5] = 1

    assert_refused(
        constant_outputs(rows.transpose(0, 2, 1)),
        "its rows are the columns of a list",
        labels=("a", "b"),
    )


def test_columns_in_model_json_are_the_order_of_the_columns() -> None:
    order = ("score", "x1", "y1", "x2", "y2", "class", "batch")
    data = constant_outputs([[0.9, 10, 20, 30, 40, 1, 0], [0.8, 50, 20, 70, 40, 2, 0]])

    network = load(data, head="end-to-end", columns=order)

    found = Detector(network).detect(np.zeros((64, 96, 3), np.uint8))
    assert found.class_ids.tolist() == [1, 2]
    np.testing.assert_allclose(found.boxes, [[10, 20, 30, 40], [50, 20, 70, 40]], atol=1e-3)
    assert_refused(data, 'columns needs "head" too', columns=order)
    assert_refused(
        data, r"not rows of x1, .* \[0.9, 10, 20, 30, 40, 1, 0\]; .*columns", head="end-to-end"
    )
    assert_refused(data, "not rows of x1", head="end-to-end", columns=order[::-1])


def test_strides_that_are_not_known_are_refused_with_the_word_for_head() -> None:
    rows = rows_in_pixels()[:, : CELLS - 6]  # without the last level

    assert_refused(
        constant_outputs(rows), 'it holds 120 boxes in pixels, give model.json "head": "objectness"'
    )
    assert_refused(
        constant_outputs(rows[:, :, [0, 1, 2, 3, 5, 6, 7]].transpose(0, 2, 1)),
        'it holds 120 boxes in pixels, give model.json "head": "classes"',
    )
    assert load(constant_outputs(rows), head="objectness").head == ObjectnessHead(CLASSES)


def test_rows_of_objects_in_units_of_the_input_are_refused() -> None:
    row = [0.1, 0.1, 0.5, 0.5, 0.9, 1.0]

    assert_refused(constant_outputs([[row] * 20]), "its rows are not x1, y1, x2, y2 in pixels")


def test_scores_that_are_not_probabilities_are_refused() -> None:
    rows = rows_in_pixels()
    rows[0, 3, 5] = 1.2

    assert_refused(
        constant_outputs(rows), "holds scores from 0.5 to 1.2, which are not probabilities"
    )
    assert_refused(
        constant_outputs(rows[:, :, [0, 1, 2, 3, 5, 6, 7]].transpose(0, 2, 1)),
        "holds scores from 0.5 to 1.2, which are not probabilities",
    )


def test_boxes_in_units_of_the_input_are_refused() -> None:
    rows = rows_in_pixels()
    rows[0, :, :4] /= np.tile(SIZE, 2)

    assert_refused(constant_outputs(rows), "are not at their cells, in pixels")
    assert_refused(
        constant_outputs(rows[:, :, [0, 1, 2, 3, 5, 6, 7]].transpose(0, 2, 1)),
        "are not at their cells, in pixels",
    )


def test_an_objectness_of_1_in_every_row_means_yolov6_and_any_other_yolox() -> None:
    rows = rows_in_pixels()
    yolox = load(constant_outputs(rows))
    rows[0, :, 4] = 1
    yolov6 = load(constant_outputs(rows))

    assert yolox.preprocessing.channels == "bgr"
    assert yolov6.preprocessing.channels == "rgb"
    assert yolov6.head == yolox.head == ObjectnessHead(CLASSES)


def test_raw_levels_without_fitting_anchors_are_refused() -> None:
    data = onnx_models.yolov7_raw()

    assert_refused(
        data, r"look like raw levels; export it with the last step \(YOLOv7: --grid\), or give"
    )
    assert_refused(data, "a list for each of the outputs .*; it has 2", anchors=ANCHORS[:2])
    assert_refused(
        data,
        "with the anchors of model.json",
        anchors=tuple(level[:2] for level in ANCHORS),
    )
    assert_refused(onnx_models.yolov8(), "with the anchors of model.json", anchors=ANCHORS[:1])


def test_model_json_overrides_the_preprocessing() -> None:
    network = load(onnx_models.yolov6(), family="yolox", padding=0)

    assert network.preprocessing.channels == "bgr"
    assert network.preprocessing.resize == "letterbox-top-left"
    assert network.preprocessing.padding == 0


def test_a_given_model_json_overrides_single_keys_of_the_one_in_the_metadata() -> None:
    data = onnx_models.yolov8(metadata={"model.json": '{"padding": 3, "resize": "stretch"}'})

    network = load(data, padding=5)

    assert network.preprocessing.padding == 5
    assert network.preprocessing.resize == "stretch"


def test_with_one_class_its_probability_counts_only_if_model_json_names_the_head() -> None:
    data = onnx_models.yolov5(classes=1)

    recognised = load(data, labels=("person",)).head
    named = load(data, labels=("person",), head="objectness").head

    assert (recognised, named) == (ObjectnessHead(1, objectness_only=True), ObjectnessHead(1))


def test_model_json_selects_the_output() -> None:
    data = onnx_models.yolov9_dual()

    assert load(data).outputs == ("output1",)
    assert load(data, outputs=("output0",)).outputs == ("output0",)
    assert_refused(
        data, "outputs names 'output2'; these are: output0, output1", outputs=("output2",)
    )


def test_model_json_selects_the_head() -> None:
    boxes = np.concatenate(
        [np.full((1, CELLS, 4), 40.0), np.full((1, CELLS, 1 + CLASSES), 0.5)], axis=2
    )

    network = load(constant_outputs(boxes), head="objectness")

    assert network.head == ObjectnessHead(CLASSES)
    assert load(constant_outputs(boxes[:, :, 1:].transpose(0, 2, 1)), head="classes").head == (
        ClassHead(CLASSES)
    )
    assert_refused(
        constant_outputs(boxes[0]), r"its output is output0 \[126, 8\]", head="objectness"
    )


@pytest.mark.parametrize(
    ("head", "shape"),
    [
        ("objectness", (1, CELLS, 5)),
        ("yolox", (1, CELLS, 5)),
        ("classes", (1, 4, CELLS)),
        ("end-to-end", (1, 20, 5)),
        ("end-to-end", (1, 20, 7)),
        ("end-to-end", (20, 6)),
    ],
)
def test_outputs_that_the_head_of_model_json_cannot_decode_are_refused(
    head: str, shape: tuple[int, ...]
) -> None:
    assert_refused(
        constant_outputs(np.full(shape, 0.5)), "its output is output0 .*known are", head=head
    )


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((3, SIZE[1], SIZE[0]), r"must be \[1, 3, height, width\]"),
        ((1, 3, 64, 8192), "a side may have up to 4096 pixels"),
    ],
)
def test_an_input_that_is_not_an_image_is_refused(shape: tuple[int, ...], message: str) -> None:
    def reshape(model: onnx.ModelProto) -> None:
        (image,) = model.graph.input
        image.CopyFrom(helper.make_tensor_value_info("images", TensorProto.FLOAT, shape))

    assert_refused(edited(onnx_models.yolov8(), reshape), message)


def test_two_inputs_are_refused() -> None:
    def add(model: onnx.ModelProto) -> None:
        size = helper.make_tensor_value_info("size", TensorProto.INT64, [2])
        model.graph.input.append(size)

    assert_refused(
        edited(onnx_models.yolov8(), add), r"one input; it has images .*, size \[2\] int64"
    )


def test_weights_in_another_file_that_is_not_given_are_refused() -> None:
    def move(model: onnx.ModelProto) -> None:
        model.graph.initializer[0].data_location = TensorProto.EXTERNAL

    assert_refused(
        edited(onnx_models.yolov8(), move),
        "its weights are in '', which must be in the same folder",
    )


def test_an_operator_of_tensorrt_is_refused() -> None:
    def add(model: onnx.ModelProto) -> None:
        node = helper.make_node("EfficientNMS_TRT", ["output0"], ["n"], domain="TRT")
        model.graph.node.append(node)

    assert_refused(edited(onnx_models.yolov8(), add), "EfficientNMS_TRT, which only TensorRT runs")


@pytest.mark.parametrize("onnx_file", [onnx_models.yolov7_end2end, onnx_models.yolov8_with_nms])
def test_operators_that_crash_opencv_are_refused_with_the_advice_to_use_the_other_engine(
    onnx_file: Callable[[], bytes],
) -> None:
    assert_refused(
        onnx_file(), "holds NonMaxSuppression, .* ENGINE=onnxruntime may", engine="opencv"
    )


@pytest.mark.parametrize(
    ("engine", "name"), [("opencv", "OpenCV"), ("onnxruntime", "ONNX Runtime")]
)
def test_an_operator_that_the_engine_lacks_is_refused(engine: str, name: str) -> None:
    def rename(model: onnx.ModelProto) -> None:
        model.graph.node[0].op_type = "Convolute"

    assert_refused(
        edited(onnx_models.yolov8(), rename), f"{name} cannot load .*; ENGINE=", engine=engine
    )


@pytest.mark.parametrize("engine", ["opencv", "onnxruntime"])
def test_weights_that_are_not_finite_are_refused(engine: str) -> None:
    def make_nan(model: onnx.ModelProto) -> None:
        for tensor in model.graph.initializer:
            values = numpy_helper.to_array(tensor)
            if values.shape == (1, 1, CELLS):  # the strides
                values_nan = np.full_like(values, np.nan)
                tensor.CopyFrom(numpy_helper.from_array(values_nan, tensor.name))

    assert_refused(
        edited(onnx_models.yolov8(), make_nan),
        "output0 is not finite on a plain image",
        engine=engine,
    )


@pytest.mark.parametrize("single_ends", [True, False])
def test_a_half_precision_network_runs_only_in_onnx_runtime(single_ends: bool) -> None:
    def halve(model: onnx.ModelProto) -> None:
        model.CopyFrom(convert_float_to_float16(model, keep_io_types=single_ends))

    single = onnx_models.yolov8()
    half = edited(single, halve)
    image = np.random.default_rng(1).integers(0, 256, (64, 96, 3)).astype(np.uint8)

    found, expected = (
        Detector(network, engine=engine).detect(image, confidence=0.5)
        for network, engine in (
            import_onnx(np.frombuffer(data, np.uint8), engine="onnxruntime")
            for data in (half, single)
        )
    )

    assert len(found) == len(expected) > 50
    np.testing.assert_allclose(found.confidences, expected.confidences, atol=2e-3)
    assert_refused(half, "half precision, which the engine opencv .* ENGINE=onnxruntime may run it")


def test_an_object_of_a_class_without_a_name_is_an_error() -> None:
    rows = np.zeros((1, 20, 6))
    rows[0, 0] = [1, 2, 30, 40, 0.9, 7]

    assert_refused(
        constant_outputs(rows), "an object of class 7, counted from 0; there are names for 3"
    )
