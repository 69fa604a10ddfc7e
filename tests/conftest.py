"""What the tests share: real data where it is, a model small enough to reason about, a local S3."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from modules.cli.local_aws.bucket import LocalBucket
from modules.cli.local_aws.moto_server import MotoServer
from modules.settings import Settings
from tests.colour_model import write_colour_model
from tests.faults.proxy import FaultyProxy
from tests.function.local_function import LocalFunction

ROOT = Path(__file__).parent.parent

# How long an example takes says something of the machine, and nothing of the code
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


# With several workers, the tests of one file run on the same worker, and so do those of a group of
# files that share something slow to start. The slowest groups start first.
_GROUPS = {
    "tests/spark/": "spark",
    "tests/deployment/": "serverless",
    "tests/function/": None,
    "tests/cli/": None,
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Groups tests for `--dist loadgroup`, and puts the slow groups in front."""
    order = list(_GROUPS)
    ranks = {}
    for item in items:
        path = item.path.relative_to(ROOT).as_posix()
        prefix = next((prefix for prefix in order if path.startswith(prefix)), None)
        if item.get_closest_marker("xdist_group") is None:
            group = (prefix and _GROUPS[prefix]) or path
            item.add_marker(pytest.mark.xdist_group(group))
        ranks[item] = order.index(prefix) if prefix else len(order)
    items.sort(key=ranks.__getitem__)


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
