"""One Spark session for all tests of the jobs, with a real S3 API over HTTP behind `s3a:`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import pytest

from modules.cli import main
from modules.cli.local_aws.moto_server import MotoServer
from modules.errors import JobError
from modules.spark.session.java import java_home
from modules.spark.session.session import open_session
from tests.colour_model import picture, write_colour_model

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass
class Store:
    """A bucket of the local S3: `place` is what Spark calls it."""

    client: Any
    name: str

    @property
    def place(self) -> str:
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
    """A server whose variables this process and all that it starts have."""
    with MotoServer() as server, pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in server.environment.items():
            patch.setenv(name, value)
        yield server


@pytest.fixture(scope="session")
def java() -> None:
    """Skips what needs Spark where that cannot run, saying why."""
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
def store(s3: MotoServer, request: pytest.FixtureRequest) -> Store:
    """An empty bucket."""
    name = f"bucket-{abs(hash(request.node.nodeid)):x}"[:40]
    client = s3.client("s3")
    client.create_bucket(Bucket=name)
    return Store(client, name)


@pytest.fixture
def batch(spark: SparkSession) -> Callable[..., int]:
    """Runs `python -m modules batch ...` in this process, on the session; returns the exit code."""
    return lambda *arguments: main(["batch", *map(str, arguments)])


@pytest.fixture(scope="session")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder; see `colour_model.py`."""
    return write_colour_model(tmp_path_factory.mktemp("models") / "colours")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Twelve pictures of a red and a green square, in two folders."""
    folder = tmp_path / "photos"
    for name in ("odd", "even"):
        (folder / name).mkdir(parents=True)
    for index in range(12):
        data = png(red=(index % 8, 5), green=(6, index % 4))
        (folder / ("odd" if index % 2 else "even") / f"{index:02}.png").write_bytes(data)
    return folder


def png(**cells: tuple[int, int]) -> bytes:
    """A picture of the colour model's world."""
    return bytes(cv2.imencode(".png", picture(**cells))[1])


def rows(spark: SparkSession, place: object) -> list[dict[str, Any]]:
    """A table's rows, by path."""
    table = spark.read.parquet(str(place)).orderBy("path")
    return [row.asDict(recursive=True) for row in table.collect()]
