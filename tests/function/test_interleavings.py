"""Exactly one result, in whatever order the requests of two invocations reach S3.

The tests run some random orders of each scenario; `make orders` runs every order.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import cv2
import pytest

from modules.cli.local_aws.bucket import BUCKET, LocalBucket
from modules.events import ImageRef
from modules.function.publisher import Publisher
from modules.models.store import ModelStore
from modules.settings import Settings
from modules.storage.bucket import Bucket
from modules.storage.client import create_client
from tests.colour_model import picture, write_colour_model
from tests.function.interleavings import Program, Request, execute, explore, sample

ORDERS = os.environ.get("ORDERS", "10")  # per scenario, or "all"

# Images by what the network finds in them
PICTURES = {
    "red": bytes(cv2.imencode(".png", picture(red=(2, 5)))[1]),
    "green": bytes(cv2.imencode(".png", picture(green=(6, 1)))[1]),
    "broken": b"<html>",
}
_numbers = itertools.count()


@dataclass(frozen=True)
class World:
    """A bucket, a loaded model, and a client for each of two programs."""

    bucket: LocalBucket
    models: ModelStore
    settings: Settings
    clients: tuple[Any, Any]
    executor: Executor

    def publisher(self, client: Any) -> Publisher:
        return Publisher(Bucket(client), self.models, self.settings, self.executor)

    def serve(self, ref: ImageRef) -> Program:
        """Returns a program that answers an event."""
        return lambda client: self.publisher(client).serve(ref)

    def upload(self, ref: ImageRef, name: str | None) -> Program:
        """Returns a program that uploads a picture and answers its event.

        If `name` is None, the program only deletes the image.
        """
        is_uploaded = False

        def program(client: Any) -> None:
            nonlocal is_uploaded
            if not is_uploaded and name:
                client.put_object(Bucket=BUCKET, Key=ref.key, Body=PICTURES[name])
            elif not is_uploaded:
                client.delete_object(Bucket=BUCKET, Key=ref.key)
            is_uploaded = True  # the program that is killed is the function, not the uploader
            if name:
                self.publisher(client).serve(ref)

        return program

    def etag(self, key: str) -> str | None:
        found = Bucket(self.bucket.client).head(BUCKET, key)
        return found.version.etag if found else None

    def document(self, name: str) -> dict[str, Any]:
        """Returns the document with its metadata; empty if there is none."""
        try:
            answer = self.bucket.client.get_object(Bucket=BUCKET, Key=f"output/{name}.json")
        except self.bucket.client.exceptions.NoSuchKey:
            return {}
        return {**json.loads(answer["Body"].read()), "metadata": answer["Metadata"]}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with LocalBucket("nothing/") as bucket, ThreadPoolExecutor() as executor:
        bucket.upload_model(write_colour_model(tmp_path_factory.mktemp("model") / "colours"))
        settings = Settings(model="models/colours/", model_ttl_seconds=1e9)
        models = ModelStore(bucket.client, settings)
        yield World(bucket, models, settings, (create_client(), create_client()), executor)


@dataclass(frozen=True)
class Scenario:
    """An image whose event is served while something newer happens to its key.

    before: the picture whose result exists already. older: the picture that is under the key at the
    start, and has an event. newer: the picture that is uploaded meanwhile, and has another event;
    None to delete the image; "same" to deliver the event of the older picture twice.
    """

    before: str | None
    older: str
    newer: str | None

    @property
    def is_duplicate(self) -> bool:
        return self.newer == "same"


class Execution:
    """One execution of a scenario, on a new key."""

    def __init__(self, world: World, scenario: Scenario) -> None:
        self.world = world
        self.scenario = scenario
        self.name = f"{next(_numbers)}.png"
        self._documents: list[int] = []
        first, second, third = (
            ImageRef(BUCKET, f"input/{self.name}", sequencer) for sequencer in ("0A", "0B", "010A")
        )
        client = world.bucket.client
        if scenario.before:
            world.upload(first, scenario.before)(client)
        client.put_object(Bucket=BUCKET, Key=first.key, Body=PICTURES[scenario.older])
        if scenario.is_duplicate:
            self.programs = (world.serve(second), world.serve(second))
        else:
            self.programs = (world.serve(second), world.upload(third, scenario.newer))

    def watch(self, request: Request) -> None:
        """Remembers the sequencer of every published document."""
        if (request.operation, request.key) == ("PutObject", f"output/{self.name}.json"):
            self._documents.append(int(request.parameters["Metadata"]["sequencer"], 16))

    def check(self) -> None:
        """Checks that there is exactly one result, or none if there must be none."""
        assert self._documents == sorted(self._documents), "an older result replaced a newer one"
        scenario, document = self.scenario, self.world.document(self.name)
        if scenario.newer == "broken":
            assert not document
            assert self.world.etag(f"output/{self.name}") is None
            assert self.world.etag(f"failed/{self.name}.json")
            return
        if scenario.newer is None and not document:
            return
        if scenario.is_duplicate:
            assert len(self._documents) == 1
        (label,) = (item["label"] for item in document["detections"])
        assert label in self._expected()
        etag = hashlib.md5(PICTURES[label], usedforsecurity=False).hexdigest()
        assert document["image"]["etag"] == etag
        assert document["metadata"]["source-etag"] == document["image"]["etag"]
        assert document["metadata"]["image-etag"] == self.world.etag(f"output/{self.name}")

    def _expected(self) -> set[str | None]:
        """Returns the pictures whose result may be published in the end."""
        if self.scenario.newer is None:
            return {self.scenario.before, self.scenario.older}
        return {self.scenario.older if self.scenario.is_duplicate else self.scenario.newer}


SCENARIOS = {
    "a first image is replaced": Scenario(None, "red", "green"),
    "an image with a result is replaced twice": Scenario("red", "green", "red"),
    "an image is uploaded again, and then replaced": Scenario("red", "red", "green"),
    "an event arrives twice at the same time": Scenario(None, "red", "same"),
    "a later event arrives twice at the same time": Scenario("green", "red", "same"),
    "a broken image is replaced": Scenario(None, "broken", "green"),
    "an image is replaced by a broken one": Scenario("red", "green", "broken"),
    "an image is deleted": Scenario("red", "green", None),
}


def check_orders(world: World, scenario: Scenario, kill: tuple[int, int] | None = None) -> int:
    """Runs orders of a scenario, each with the same kill; returns how many.

    `kill` is that of `execute`.
    """

    def run(choices: list[int]) -> list[int]:
        execution = Execution(world, scenario)
        options = execute(execution.programs, world.clients, choices, kill, execution.watch)
        execution.check()
        return options

    return sum(1 for _ in (explore(run) if ORDERS == "all" else sample(run, int(ORDERS))))


@pytest.mark.parametrize("name", SCENARIOS)
def test_exactly_one_result_in_every_order_of_requests(world: World, name: str) -> None:
    assert check_orders(world, SCENARIOS[name]) >= 5


@pytest.mark.parametrize(
    ("name", "victim", "writes"),
    [
        ("a first image is replaced", 0, 1),
        ("a first image is replaced", 1, 2),  # its first write is the upload
        ("an image with a result is replaced twice", 0, 1),
    ],
)
def test_exactly_one_result_after_a_kill_between_image_and_document(
    world: World, name: str, victim: int, writes: int
) -> None:
    assert check_orders(world, SCENARIOS[name], (victim, writes)) >= 5
