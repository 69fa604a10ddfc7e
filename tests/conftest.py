"""What the tests share: real data where it is, a model small enough to reason about, a local S3."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from modules.cli.local_aws.bucket import LocalBucket
from modules.cli.local_aws.moto_server import MotoServer
from modules.settings import Settings
from tests.colour_model import write_colour_model
from tests.faults.proxy import FaultyProxy
from tests.function.local_function import LocalFunction
from tests.scheduling import FileScheduling, rank

ROOT = Path(__file__).parent.parent

# Shells make background jobs ignore SIGINT; commands that tests start must not inherit that
signal.signal(signal.SIGINT, signal.default_int_handler)


# How long an example takes says something of the machine, and nothing of the code
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts slow tests in front, so that workers end at about the same time."""
    items.sort(key=lambda item: rank(item.path.relative_to(ROOT).as_posix()))


@pytest.hookimpl(optionalhook=True)  # a hook of pytest-xdist's
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FileScheduling:
    """Spreads the tests over workers by file."""
    return FileScheduling(config, log)


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
    for name in (
        "MODEL",
        "CONFIDENCE",
        "NMS",
        "MULTI_LABEL",
        "CLASSES",
        "ENGINE",
        "RESIZE",
        "SLICE",
        "SLICE_OVERLAP",
        "DRAW",
        "INPUT_PREFIX",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def colour_model(tmp_path: Path) -> Path:
    """A model folder; see `colour_model.py`."""
    return write_colour_model(tmp_path / "colours")


@pytest.fixture(scope="session")
def local_server() -> Iterator[MotoServer]:
    """A real S3 API over HTTP, one for all tests of a process: stopping it takes half a second."""
    with MotoServer() as server:
        yield server


@pytest.fixture
def bucket(local_server: MotoServer) -> Iterator[LocalBucket]:
    """An empty bucket on the local server."""
    with LocalBucket("input/", local_server) as local:
        yield local
    local_server.reset()


@pytest.fixture
def proxy(bucket: LocalBucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyProxy]:
    """Lies between the bucket and clients made from now on; breaks nothing until it is told to."""
    with FaultyProxy(bucket.endpoint) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        yield proxy


@pytest.fixture
def make_function(bucket: LocalBucket, colour_model: Path) -> Callable[..., LocalFunction]:
    """Makes functions whose model is the colour model; keywords are fields of `Settings`."""
    bucket.upload_model(colour_model)
    return lambda **fields: LocalFunction(Settings(**{"model": "models/colours/", **fields}))


@pytest.fixture
def function(make_function: Callable[..., LocalFunction]) -> LocalFunction:
    """A cold function with default settings, whose model is the colour model."""
    return make_function()
