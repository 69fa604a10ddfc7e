"""One Spark session for all tests of the jobs, with a real S3 API over HTTP behind `s3a:`."""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import pytest

from modules.cli import main
from modules.cli.local_aws.moto_server import MotoServer
from modules.errors import JobError
from modules.settings import Settings
from modules.spark.session.java import java_home
from modules.spark.session.session import open_session
from tests.colour_model import picture, write_colour_model

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Batch = Callable[..., int]
_numbers = itertools.count()


@dataclasses.dataclass
class Store:
    """A bucket of the local S3; `location` is its URL in Spark."""

    client: Any
    name: str

    @property
    def location(self) -> str:
        return f"s3a://{self.name}"

    def keys(self, prefix: str = "") -> list[str]:
        listing = self.client.list_objects_v2(Bucket=self.name, Prefix=prefix)
        return [item["Key"] for item in listing.get("Contents", ())]

    def put(self, key: str, data: bytes) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=data)

    def get(self, key: str) -> bytes:
        data: bytes = self.client.get_object(Bucket=self.name, Key=key)["Body"].read()
        return data


@pytest.fixture(scope="session")
def s3() -> Iterator[MotoServer]:
    """A server whose variables are set for this process and for the processes that it starts.

    The developer's own settings are removed: fixtures of a whole module run jobs, too.
    """
    settings = {field.name.upper() for field in dataclasses.fields(Settings)}
    with MotoServer() as server, pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_") or name in settings]:
            patch.delenv(name)
        for name, value in server.environment.items():
            patch.setenv(name, value)
        yield server


@pytest.fixture(scope="session")
def java() -> None:
    """Skips tests that need Spark if there is no Java for it, with the reason."""
    try:
        java_home()
    except JobError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def spark(s3: MotoServer, java: None) -> Iterator[SparkSession]:
    """The session, as a job opens it for s3a."""
    with open_session("tests", ["s3a://any"], "local[2]") as session:
        yield session


@pytest.fixture
def store(s3: MotoServer) -> Store:
    """An empty bucket."""
    name = f"bucket-{next(_numbers)}"
    client = s3.client("s3")
    client.create_bucket(Bucket=name)
    return Store(client, name)


@pytest.fixture(scope="session")
def batch(spark: SparkSession) -> Batch:
    """Runs `python -m modules batch ...` in this process and session; returns the exit code."""
    return lambda *arguments: main(["batch", *map(str, arguments)])


@pytest.fixture(scope="session")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder; see `colour_model.py`."""
    return write_colour_model(tmp_path_factory.mktemp("models") / "colours")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """The folder of `write_photos`, which the test may change."""
    return write_photos(tmp_path / "photos")


def write_photos(folder: Path) -> Path:
    """Writes twelve images of a red and a green square, in the folders `odd` and `even`."""
    for name in ("odd", "even"):
        (folder / name).mkdir(parents=True)
    for index in range(12):
        data = png(red=(index % 8, 5), green=(6, index % 4))
        (folder / ("odd" if index % 2 else "even") / f"{index:02}.png").write_bytes(data)
    return folder


def png(**cells: tuple[int, int]) -> bytes:
    """Encodes an image of squares that the colour model detects: `png(red=(column, row))`."""
    return bytes(cv2.imencode(".png", picture(**cells))[1])


def rows(spark: SparkSession, location: object) -> list[dict[str, Any]]:
    """Reads a table's rows, sorted by path."""
    table = spark.read.parquet(str(location)).orderBy("path")
    return [row.asDict(recursive=True) for row in table.collect()]
