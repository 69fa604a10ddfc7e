"""Every image is drawn in one thread, which has loaded OpenCV's fonts before."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from modules.cli.local_aws.bucket import BUCKET, LocalBucket
from modules.function import drawing
from modules.results import pipeline
from tests.colour_model import picture
from tests.function.local_function import LocalFunction
from tests.function.test_application import drop, png


def test_the_images_of_all_threads_are_drawn_in_one(
    bucket: LocalBucket, function: LocalFunction, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []
    draw = pipeline.draw

    def recorded(*arguments: Any) -> bytes | None:
        threads.append(threading.current_thread().name)
        return draw(*arguments)

    monkeypatch.setattr(pipeline, "draw", recorded)
    keys = [f"input/{number}.png" for number in range(6)]
    for key in keys:
        drop(bucket, key, png(picture(red=(1, 1))))
    records = [
        {
            "eventSource": "aws:s3",
            "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": BUCKET}, "object": {"key": key}},
        }
        for key in keys
    ]

    answer = function.handle({"Records": records})

    assert sorted(answer["done"]) == keys
    assert len(threads) == len(keys)
    assert len(set(threads)) == 1


@pytest.mark.parametrize("kind", ["blur", "none"])
def test_a_function_that_writes_no_labels_loads_no_font(
    make_function: Callable[..., LocalFunction], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(drawing, "prepare", lambda: pytest.fail("the font is loaded"))

    make_function(model=f"s3://{BUCKET}/models/colours/", draw=kind)


def test_a_function_that_knows_its_model_loads_the_font_while_it_starts(
    make_function: Callable[..., LocalFunction], monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = threading.Event()
    monkeypatch.setattr(drawing, "_load_font", loaded.set)

    make_function(model=f"s3://{BUCKET}/models/colours/")

    assert loaded.wait(60)
