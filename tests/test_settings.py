from typing import Any

import pytest

from modules.errors import SettingsError
from modules.settings import Settings


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.from_environment({}) == Settings()
    assert Settings.from_environment({"CONFIDENCE": "", "CLASSES": " "}) == Settings()


def test_every_setting_is_read_from_the_variable_of_its_name() -> None:
    settings = Settings.from_environment(
        {
            "INPUT_PREFIX": "in/",
            "OUTPUT_PREFIX": "out/",
            "FAILED_PREFIX": "bad/",
            "MODEL": "models/mine/",
            "CONFIDENCE": "0.25",
            "NMS": "1",
            "MULTI_LABEL": "1",
            "CLASSES": "dog, traffic light",
            "SLICE": "640",
            "SLICE_OVERLAP": "0.25",
            "DRAW": "blur",
            "MODEL_TTL_SECONDS": "0",
            "MAX_IMAGE_BYTES": "1000",
            "MAX_IMAGE_PIXELS": "2000",
            "ENGINE": "onnxruntime",
            "RESIZE": "letterbox",
        }
    )

    assert settings == Settings(
        input_prefix="in/",
        output_prefix="out/",
        failed_prefix="bad/",
        model="models/mine/",
        confidence=0.25,
        nms=1.0,
        multi_label=True,
        classes=("dog", "traffic light"),
        slice_side=640,
        slice_overlap=0.25,
        draw="blur",
        model_ttl_seconds=0.0,
        max_image_bytes=1000,
        max_image_pixels=2000,
        engine="onnxruntime",
        resize="letterbox",
    )


def digest(**fields: Any) -> str:
    settings = Settings(**{"engine": "opencv", **fields})
    return settings.digest("m", settings.engine)


def test_the_digest_names_the_engine_that_was_used() -> None:
    digests = {Settings(engine=name).digest("model", "opencv") for name in ("auto", "opencv")}

    assert len(digests) == 1
    assert Settings().digest("model", "onnxruntime") not in digests


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("CONFIDENCE", "fifty", "a number"),
        ("CONFIDENCE", "50", "a number from 0 to 1"),
        ("CONFIDENCE", "nan", "a number from 0 to 1"),
        ("NMS", "-0.1", "a number from 0 to 1"),
        ("MULTI_LABEL", "yes", "1 or 0"),
        *(
            ("SLICE", value, "a whole number of pixels from 64 to 65535, like 640, or nothing")
            for value in ("0", "-640", "10", "65536", "640.0", "abc", "inf")
        ),
        ("SLICE_OVERLAP", "20 %", "a number"),
        *(
            ("SLICE_OVERLAP", value, "a number from 0 to 0.9, like 0.3")
            for value in ("-0.1", "0.95", "1", "20", "nan")
        ),
        ("MODEL_TTL_SECONDS", "-1", "0 or more seconds"),
        ("MODEL_TTL_SECONDS", "inf", "0 or more seconds"),
        ("MAX_IMAGE_BYTES", "10 MB", "a whole number"),
        ("MAX_IMAGE_PIXELS", "0", "1 or more"),
        ("ENGINE", "tensorflow", "one of auto, opencv, onnxruntime"),
        *(("DRAW", value, "one of boxes, blur, pixelate, none") for value in ("box", "Blur", "0")),
        ("RESIZE", "crop", "one of stretch, letterbox"),
        ("MODEL", "/", "a model's prefix"),
        ("INPUT_PREFIX", "input", "a prefix that ends in /"),
        ("INPUT_PREFIX", "/input/", "does not begin with it"),
    ],
)
def test_the_message_for_a_bad_value_names_the_variable_and_what_would_be_right(
    name: str, value: str, right: str
) -> None:
    with pytest.raises(SettingsError) as error:
        Settings.from_environment({name: value})

    assert str(error.value).startswith(f"{name}=")
    assert right in str(error.value)


@pytest.mark.parametrize("name", ["OUTPUT_PREFIX", "FAILED_PREFIX"])
@pytest.mark.parametrize(
    ("input_prefix", "other"), [("in/", "in/"), ("in/", "in/out/"), ("in/deep/", "in/")]
)
def test_prefixes_by_which_the_function_could_trigger_itself_are_refused(
    name: str, input_prefix: str, other: str
) -> None:
    with pytest.raises(SettingsError, match="trigger itself"):
        Settings.from_environment({"INPUT_PREFIX": input_prefix, name: other})


def test_prefixes_that_only_begin_alike_are_accepted() -> None:
    settings = Settings.from_environment({"INPUT_PREFIX": "input/", "OUTPUT_PREFIX": "input-out/"})

    assert settings.output_prefix == "input-out/"


@pytest.mark.parametrize(("text", "expected"), [("1", True), ("true", True), ("0", False)])
def test_force_is_read_from_one_true_or_zero(text: str, expected: bool) -> None:
    assert Settings.from_environment({"FORCE": text}).force == expected


def test_any_other_value_of_force_is_refused() -> None:
    with pytest.raises(SettingsError, match="FORCE=maybe cannot work: it must be 1 or 0"):
        Settings.from_environment({"FORCE": "maybe"})


@pytest.mark.parametrize(
    "changes",
    [
        {"confidence": 0.6},
        {"nms": 0.6},
        {"multi_label": True},
        {"classes": ("dog",)},
        {"engine": "onnxruntime"},
        {"resize": "letterbox"},
        {"slice_side": 640},
        *({"draw": draw} for draw in ("blur", "pixelate", "none")),
    ],
)
def test_a_setting_that_changes_results_changes_the_digest(changes: dict[str, Any]) -> None:
    assert digest(**changes) != digest()
    assert digest(**changes) == digest(**changes)


def test_prefixes_limits_and_force_do_not_change_the_digest() -> None:
    other = Settings(input_prefix="in/", max_image_bytes=1, model_ttl_seconds=1, force=True)

    assert other.digest("m", "opencv") == digest() != other.digest("another model", "opencv")


def test_the_digest_of_the_default_settings_stays_so_that_no_result_is_made_again() -> None:
    assert digest() == "sha256:d5c5f11c6f86c57123f0131319009c18f75bec1a63f357852636cf8343f52d13"


def test_the_overlap_of_slices_changes_the_digest_only_if_there_are_slices() -> None:
    assert digest(slice_overlap=0.4) == digest()
    assert len({digest(slice_side=640, slice_overlap=part) for part in (0, 0.1, 0.2)}) == 3


def test_settings_without_slices_are_described_as_before_there_were_slices() -> None:
    assert Settings(slice_overlap=0.4).described() == {"confidence": 0.5, "nms": 0.4}
    assert Settings(slice_side=320).described() == {
        "confidence": 0.5,
        "nms": 0.4,
        "slice": 320,
        "slice_overlap": 0.3,
    }


def test_settings_that_draw_boxes_are_described_as_before_there_was_a_choice() -> None:
    assert Settings(draw="boxes").described() == {"confidence": 0.5, "nms": 0.4}
    assert Settings(draw="blur").described() == {"confidence": 0.5, "nms": 0.4, "draw": "blur"}


def test_an_empty_option_turns_slices_off() -> None:
    environment = {"SLICE": "640"}

    assert Settings.from_environment(environment, slice_side="").slice_side is None
    assert Settings.from_environment(environment).changed({"slice": ""}).slice_side is None
    assert Settings().changed({"slice": "512", "slice_overlap": "0"}) == Settings(
        slice_side=512, slice_overlap=0
    )


def test_failures_and_results_must_have_different_prefixes() -> None:
    with pytest.raises(SettingsError, match=r"FAILED_PREFIX=output/ .* another prefix than OUTPUT"):
        Settings(failed_prefix="output/")


@pytest.mark.parametrize("model", ["s3://", "s3:///models/", "s3://bucket", "s3://bucket//"])
def test_an_address_of_a_model_has_a_bucket_and_a_prefix(model: str) -> None:
    with pytest.raises(SettingsError, match=rf"MODEL={model} .* like s3://BUCKET/PREFIX/"):
        Settings(model=model)
