"""The real `lambda_function`: what a cold start reads from the environment, and what it loads."""

import gc
import importlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import cv2
import pytest

from modules.cli.local_aws.bucket import BUCKET, LocalBucket
from modules.errors import SettingsError
from tests.colour_model import picture
from tests.conftest import ROOT

RED = bytes(cv2.imencode(".png", picture(red=(1, 1)))[1])
EVENT = {"bucket": BUCKET, "key": "input/a.png"}


@pytest.fixture
def start() -> Iterator[Callable[[], ModuleType]]:
    """Imports `lambda_function` anew, as a new execution environment does."""

    def cold_start() -> ModuleType:
        sys.modules.pop("lambda_function", None)
        return importlib.import_module("lambda_function")

    yield cold_start
    sys.modules.pop("lambda_function", None)
    gc.enable()
    gc.unfreeze()  # the function freezes what it keeps for ever, which is garbage in a test


@pytest.fixture
def start_snapshot(
    start: Callable[[], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> Callable[[], ModuleType]:
    """Starts as SnapStart does before it takes the snapshot; the model is named with its bucket."""

    def start_for_snapshot() -> ModuleType:
        monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "snap-start")
        monkeypatch.setenv("MODEL", f"s3://{BUCKET}/models/colours/")
        return start()

    return start_for_snapshot


def test_a_cold_start_serves_an_image_with_the_settings_of_the_environment(
    bucket: LocalBucket,
    colour_model: Path,
    start: Callable[[], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bucket.upload_model(colour_model)
    bucket.client.put_object(Bucket=BUCKET, Key="input/a.png", Body=RED)
    monkeypatch.setenv("OUTPUT_PREFIX", "elsewhere/")

    assert start().lambda_handler(EVENT, None)["done"] == ["input/a.png"]
    bucket.client.head_object(Bucket=BUCKET, Key="elsewhere/a.png.json")


def test_a_bad_setting_is_refused_before_any_image_is_touched(
    bucket: LocalBucket, start: Callable[[], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONFIDENCE", "high")

    with pytest.raises(SettingsError, match="CONFIDENCE=high"):
        start()


def test_garbage_collection_is_on_after_a_cold_start_and_skips_what_was_loaded(
    bucket: LocalBucket, start: Callable[[], ModuleType]
) -> None:
    start()

    assert gc.isenabled()
    assert gc.get_freeze_count() > 10_000


def test_with_snap_start_the_model_is_loaded_before_the_first_event(
    bucket: LocalBucket, colour_model: Path, start_snapshot: Callable[[], ModuleType]
) -> None:
    bucket.upload_model(colour_model)
    bucket.client.put_object(Bucket=BUCKET, Key="input/a.png", Body=RED)
    function = start_snapshot()

    for name in ("cfg", "weights", "names"):
        bucket.client.delete_object(Bucket=BUCKET, Key=f"models/colours/colours.{name}")

    assert function.lambda_handler(EVENT, None)["done"] == ["input/a.png"]


def test_with_snap_start_a_snapshot_can_be_taken_before_there_is_a_model(
    bucket: LocalBucket, colour_model: Path, start_snapshot: Callable[[], ModuleType]
) -> None:
    function = start_snapshot()

    bucket.upload_model(colour_model)
    bucket.client.put_object(Bucket=BUCKET, Key="input/a.png", Body=RED)

    assert function.lambda_handler(EVENT, None)["done"] == ["input/a.png"]


@pytest.mark.parametrize("module", ["numpy", "cv2", "modules.events", "modules.function.publisher"])
def test_the_model_is_requested_before_anything_else_is_imported(module: str) -> None:
    code = f"import sys; sys.modules[{module!r}] = None; import modules.function.application"

    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
