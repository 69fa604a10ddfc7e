import json

import pytest

from modules.errors import ModelError
from modules.object_detection.model_description import Description, parse_description
from modules.object_detection.preprocessing import Preprocessing


def parse(**keys: object) -> Description:
    return parse_description(json.dumps(keys))


def test_all_keys_are_parsed() -> None:
    assert parse(
        family="yolov6",
        head="objectness",
        outputs=["output0"],
        input=[640, 384],
        scale="1/255",
        channels="bgr",
        resize="letterbox-top-left",
        padding=0,
        mean=[0.5, 0, -1],
        std=[1, 0.25, 2.5],
        anchors=[[[10, 13.5], [16, 30]]],
        names=["cat", "dog"],
    ) == Description(
        family="yolov6",
        head="objectness",
        outputs=("output0",),
        input=(640, 384),
        scale=1 / 255,
        channels="bgr",
        resize="letterbox-top-left",
        padding=0,
        mean=(0.5, 0.0, -1.0),
        std=(1.0, 0.25, 2.5),
        anchors=(((10.0, 13.5), (16.0, 30.0)),),
        names=("cat", "dog"),
    )


def test_an_empty_object_has_no_keys() -> None:
    assert parse() == Description()


def test_an_input_of_one_number_is_square() -> None:
    assert parse(input=416).input == (416, 416)


def test_a_scale_may_be_a_number() -> None:
    assert parse(scale=1).scale == 1.0


def test_the_family_gives_the_preprocessing_and_single_keys_override_it() -> None:
    default = Preprocessing(padding=7)

    assert parse().preprocessing(default) == default
    assert parse(family="yolox").preprocessing(default) == Preprocessing(
        scale=1.0, channels="bgr", resize="letterbox-top-left", padding=114
    )
    assert parse(family="yolox", channels="rgb").preprocessing(default) == Preprocessing(
        scale=1.0, channels="rgb", resize="letterbox-top-left", padding=114
    )


def test_mean_and_std_override_those_of_the_preprocessing() -> None:
    default = Preprocessing(mean=(1.0, 2.0, 3.0), std=(4.0, 5.0, 6.0))

    assert parse(mean=[0, 0, 0]).preprocessing(default) == Preprocessing(std=(4.0, 5.0, 6.0))
    assert parse(std=[1, 1, 1]).preprocessing(default) == Preprocessing(mean=(1.0, 2.0, 3.0))


def test_mean_and_std_are_allowed_for_darknet() -> None:
    parse(mean=[0, 0, 0], std=[1, 1, 1]).require_no_onnx_keys()


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("family", "yolov99", "it must be one of yolov5, yolov6"),
        ("family", ["yolov5"], "it must be one of yolov5"),
        ("head", "yolo", "it must be one of objectness, yolox, classes, anchors, end-to-end"),
        ("outputs", "output0", r"it must be the names of the outputs"),
        ("outputs", [], r"it must be the names of the outputs"),
        ("input", 0, "it must be a side in pixels"),
        ("input", [640], "it must be a side in pixels"),
        ("input", [640.0, 640], "it must be a side in pixels"),
        ("input", True, "it must be a side in pixels"),
        ("scale", 0, "it must be what pixels are multiplied by"),
        ("scale", "1/0", "it must be what pixels are multiplied by"),
        ("scale", 255, "it must be what pixels are multiplied by"),
        ("scale", "a lot", "it must be what pixels are multiplied by"),
        ("scale", True, "it must be what pixels are multiplied by"),
        ("channels", "RGB", "it must be one of rgb, bgr"),
        ("resize", "crop", "it must be one of stretch, letterbox, letterbox-top-left"),
        ("padding", 256, "it must be a grey, 0 to 255"),
        ("mean", 0.5, "it must be what is subtracted from each channel of scaled pixels"),
        ("mean", [0.5, 0.5], "it must be what is subtracted from each channel of scaled pixels"),
        (
            "mean",
            [0.5, 0.5, "a"],
            "it must be what is subtracted from each channel of scaled pixels",
        ),
        (
            "mean",
            [0.5, 0.5, True],
            "it must be what is subtracted from each channel of scaled pixels",
        ),
        (
            "mean",
            [0.5, 0.5, float("nan")],
            "it must be what is subtracted from each channel of scaled pixels",
        ),
        (
            "mean",
            [0.5, 0.5, 1e300],
            "it must be what is subtracted from each channel of scaled pixels",
        ),
        ("std", [1, 1, 0], "it must be what each channel is then divided by, above 0"),
        ("std", [1, 1, 1, 1], "it must be what each channel is then divided by, above 0"),
        ("std", {"r": 1}, "it must be what each channel is then divided by, above 0"),
        ("std", [1, 1, float("inf")], "it must be what each channel is then divided by, above 0"),
        ("anchors", [[10, 13]], "it must be for each output, a list of pairs"),
        ("anchors", [[]], "it must be for each output, a list of pairs"),
        ("anchors", 3, "it must be for each output, a list of pairs"),
        ("anchors", [[[10, -13]]], "it must be for each output, a list of pairs"),
        ("names", "person", "it must be the names of the classes"),
        ("names", {"0": "person"}, "it must be the names of the classes"),
    ],
)
def test_a_bad_value_is_refused_with_what_would_be_right(
    key: str, value: object, expected: str
) -> None:
    with pytest.raises(ModelError, match=f"model.json: {key} is .*; {expected}"):
        parse(**{key: value})


def test_an_unknown_key_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ModelError, match="'imgsz' is not known; these are: family, head, outputs"):
        parse(imgsz=640)


@pytest.mark.parametrize("text", ["{", "", "[]", '"yolov8"', "\x00"])
def test_a_text_that_is_not_a_json_object_is_refused(text: str) -> None:
    with pytest.raises(ModelError, match=r"model\.json (is not JSON|must be a JSON object)"):
        parse_description(text)
