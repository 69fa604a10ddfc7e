"""What the tests share: real data where it is, a model small enough to reason about, a local S3."""

from __future__ import annotations

import gc
import importlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import settings

from modules.cli.local_aws.bucket import LocalBucket
from tests.colour_model import write_colour_model
from tests.faults.proxy import FaultyProxy

ROOT = Path(__file__).parent.parent

# How long an example takes says something of the machine, and nothing of the code
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture(scope="session")
def shared() -> Callable[[str], Path]:
    """Finds real data by its path in the shared folder; skips the test where there is none."""
    root = Path(os.environ.get("SHARED_DATA") or ROOT.parent / "shared")

    def find(path: str) -> Path:
        found = root / path
        if not found.exists():
            pytest.skip(f"needs {path} in the folder that SHARED_DATA names; {found} is not there")
        return found

    return find


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps the developer's own environment out of the tests."""
    for name in ("MODEL", "CONFIDENCE", "NMS", "CLASSES", "ENGINE", "RESIZE", "INPUT_PREFIX"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def colour_model(tmp_path: Path) -> Path:
    """A model folder; see `colour_model.py`."""
    return write_colour_model(tmp_path / "colours")


@pytest.fixture
def bucket() -> Iterator[LocalBucket]:
    """An empty bucket behind a real S3 API over HTTP."""
    with LocalBucket("input/") as local:
        yield local


@pytest.fixture
def proxy(bucket: LocalBucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyProxy]:
    """Lies between the bucket and clients made from now on; breaks nothing until it is told to."""
    with FaultyProxy(bucket.endpoint) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        yield proxy


@pytest.fixture
def function(bucket: LocalBucket, colour_model: Path) -> Iterator[ModuleType]:
    """The function, freshly loaded as in a cold start, its bucket holding the colour model."""
    bucket.upload_model(colour_model)
    sys.modules.pop("lambda_function", None)
    yield importlib.import_module("lambda_function")
    sys.modules.pop("lambda_function", None)
    gc.unfreeze()  # what the function lives with for ever is garbage here
