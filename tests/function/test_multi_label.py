"""MULTI_LABEL in the function: the document says so, and a changed setting makes it again."""

from collections.abc import Callable

import cv2

from modules.cli.local_aws.bucket import BUCKET, LocalBucket
from tests.colour_model import picture
from tests.function.local_function import LocalFunction
from tests.function.test_application import document, drop


def test_a_box_has_every_class_and_a_changed_setting_makes_the_result_again(
    bucket: LocalBucket, make_function: Callable[..., LocalFunction]
) -> None:
    drop(bucket, "input/a.png", bytes(cv2.imencode(".png", picture(yellow=(2, 5)))[1]))
    events = list(bucket.events())
    plain, multi = (
        make_function(confidence=0.3, multi_label=multi_label) for multi_label in (False, True)
    )

    first = [plain.handle(event) for event in events][-1]
    before = document(bucket, "output/a.png.json")
    second = [multi.handle(event) for event in events][-1]
    after = document(bucket, "output/a.png.json")
    third = [multi.handle(event) for event in events][-1]

    assert first["done"] == second["done"] == third["skipped"] == ["input/a.png"]
    assert before["settings"] == {"confidence": 0.3, "nms": 0.4}
    assert after["settings"] == {"confidence": 0.3, "nms": 0.4, "multi_label": True}
    assert [item["label"] for item in before["detections"]] == ["red"]
    assert [item["label"] for item in after["detections"]] == ["red", "green"]
    assert bucket.client.head_object(Bucket=BUCKET, Key="output/a.png")["ContentLength"] > 0
