import json
from dataclasses import replace

import pytest

from modules.errors import ModelError
from modules.object_detection.model_description import Description, parse_description
from modules.object_detection.preprocessing import DARKNET, Preprocessing

IMAGENET = Preprocessing(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


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


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"mean": [0.5, 0.25, 0.75]}, Preprocessing(mean=(0.5, 0.25, 0.75))),
        ({"mean": [0, 0, 0]}, Preprocessing()),
        ({"std": [0.5, 0.25, 0.75]}, Preprocessing(std=(0.5, 0.25, 0.75))),
        ({"scale": 1}, Preprocessing(scale=1.0)),
        ({"scale": 1, "mean": [1, 2, 3]}, Preprocessing(scale=1.0, mean=(1.0, 2.0, 3.0))),
        (
            {"mean": [0.5, 0.5, 0.5], "std": [2, 2, 2]},
            Preprocessing(mean=(0.5, 0.5, 0.5), std=(2.0, 2.0, 2.0)),
        ),
    ],
)
def test_scale_mean_and_std_replace_those_of_the_default_together(
    keys: dict[str, object], expected: Preprocessing
) -> None:
    assert parse(**keys).preprocessing(IMAGENET) == expected


def test_other_keys_leave_the_defaults_mean_and_std() -> None:
    found = parse(padding=0, resize="letterbox", channels="rgb").preprocessing(IMAGENET)

    assert found == replace(IMAGENET, padding=0, resize="letterbox")


def test_the_defaults_mean_and_std_stay_with_their_colours_if_the_channels_change() -> None:
    found = parse(channels="bgr").preprocessing(IMAGENET)

    assert found == replace(
        IMAGENET, channels="bgr", mean=(0.406, 0.456, 0.485), std=(0.225, 0.224, 0.229)
    )


def test_a_mean_that_is_given_is_in_the_order_of_the_channels_that_are_given() -> None:
    found = parse(channels="bgr", mean=[0.1, 0.2, 0.3]).preprocessing(IMAGENET)

    assert found == Preprocessing(channels="bgr", mean=(0.1, 0.2, 0.3))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            {"mean": [123.675, 116.28, 103.53]},
            "mean is [123.675, 116.28, 103.53], but pixels reach only 1 with the scale 0.00392157; "
            "give `scale` too, which is 1 for a mean of pixels from 0 to 255",
        ),
        ({"std": [58.395, 57.12, 57.375]}, "give `scale` too, which is 1 for a std of pixels"),
        ({"mean": [0, 0, -127.5]}, "mean is [0.0, 0.0, -127.5], but pixels reach only 1"),
    ],
)
def test_a_mean_or_std_of_pixels_up_to_255_needs_the_scale(
    keys: dict[str, object], message: str
) -> None:
    with pytest.raises(ModelError) as error:
        parse(**keys).preprocessing(Preprocessing())

    assert message in str(error.value)
    with_scale = parse(**keys, scale=1).preprocessing(Preprocessing())
    assert with_scale.scale == 1.0
    assert parse(family="yolox", **keys).preprocessing(Preprocessing()).scale == 1.0


@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        ("1/255", 1 / 255),
        ("2/255", 2 / 255),
        ("1/127.5", 1 / 127.5),
        (" 1 / 127.5 ", 1 / 127.5),
        ("0.5/127.5", 0.5 / 127.5),
        ("1e0/2.55e2", 1 / 255),
        ("0.00392156862745098", 0.00392156862745098),
        (0.017, 0.017),
        (1, 1.0),
    ],
)
def test_a_scale_is_a_number_or_a_fraction_of_decimals(scale: object, expected: float) -> None:
    assert parse(scale=scale).scale == expected


def test_mean_and_std_may_be_fractions_too() -> None:
    found = parse(mean=["127.5/255", "0.5", 0], std=["1/2", 1, "127.5/255"])

    assert (found.mean, found.std) == ((0.5, 0.5, 0.0), (0.5, 1.0, 0.5))


def test_a_letterbox_for_a_darknet_network_is_darknets() -> None:
    assert parse(resize="letterbox").preprocessing(DARKNET).resize == "letterbox-darknet"
    assert parse(family="darknet", resize="letterbox").preprocessing(Preprocessing()) == replace(
        DARKNET, resize="letterbox-darknet"
    )
    assert parse(family="yolov5").preprocessing(DARKNET).resize == "letterbox"
    assert parse(resize="letterbox").preprocessing(Preprocessing()).resize == "letterbox"


def test_a_head_that_is_given_replaces_head_and_anchors_together() -> None:
    embedded = parse(head="anchors", anchors=[[[1, 2]]], input=64)

    assert parse(head="classes").merged_over(embedded) == parse(head="classes", input=64)
    assert parse(input=32).merged_over(embedded).anchors == (((1.0, 2.0),),)


def test_mean_and_std_are_allowed_for_darknet() -> None:
    parse(mean=[0, 0, 0], std=[1, 1, 1]).require_no_onnx_keys()


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("family", "yolov99", "it must be one of yolov5, yolov6"),
        ("family", ["yolov5"], "it must be one of yolov5"),
        (
            "head",
            "yolo",
            "it must be one of objectness, yolox, classes, anchors, end-to-end, corners",
        ),
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
        ("scale", "", "it must be what pixels are multiplied by"),
        ("scale", "1/", "it must be what pixels are multiplied by"),
        ("scale", "/255", "it must be what pixels are multiplied by"),
        ("scale", "1/2/3", "it must be what pixels are multiplied by"),
        ("scale", "1/0.0", "it must be what pixels are multiplied by"),
        ("scale", "nan", "it must be what pixels are multiplied by"),
        ("scale", "1/inf", "it must be what pixels are multiplied by"),
        ("scale", "-1/255", "it must be what pixels are multiplied by"),
        ("scale", "1e999999999", "it must be what pixels are multiplied by"),
        ("scale", [1], "it must be what pixels are multiplied by"),
        ("scale", True, "it must be what pixels are multiplied by"),
        ("channels", "RGB", "it must be one of rgb, bgr"),
        ("resize", "crop", "it must be one of stretch, letterbox, letterbox-top-left, lett"),
        ("padding", 256, "it must be a grey, 0 to 255"),
        ("padding", True, "it must be a grey, 0 to 255"),
        ("padding", float("nan"), "it must be a grey, 0 to 255"),
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
