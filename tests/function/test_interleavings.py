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
from dataclasses import dataclass, replace
from typing import Any

import cv2
import pytest

from modules.cli.local_aws.bucket import BUCKET, LocalBucket
from modules.events import ImageRef
from modules.function.publisher import Publisher
from modules.models.store import ModelStore
from modules.settings import Settings
from modules.storage.bucket import Bucket
from tests.colour_model import gif, picture, write_colour_model
from tests.function.interleavings import Program, Request, execute, explore, sample
from tests.function.watched_client import WatchedClient

ORDERS = os.environ.get("ORDERS", "10")  # per scenario, or "all"

# Images by what the network finds in them. A GIF's annotated image has another key than a PNG's
PICTURES = {
    "red": bytes(cv2.imencode(".png", picture(red=(2, 5)))[1]),
    "green": bytes(cv2.imencode(".png", picture(green=(6, 1)))[1]),
    "red GIF": gif(red=(2, 5)),
    "green GIF": gif(green=(6, 1)),
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

    def publisher(self, client: Any, draw: str) -> Publisher:
        settings = replace(self.settings, draw=draw)
        return Publisher(Bucket(client), self.models, settings, self.executor)

    def serve(self, ref: ImageRef, draw: str = "boxes") -> Program:
        """Returns a program that answers an event, with this setting DRAW.

        "A, then B" has the setting A at first, and B when it is started again after a kill.
        """
        draws = draw.split(", then ")

        def program(client: Any) -> None:
            setting = draws.pop(0) if len(draws) > 1 else draws[0]
            self.publisher(client, setting).serve(ref)

        return program

    def upload(self, ref: ImageRef, name: str | None, draw: str = "boxes") -> Program:
        """Returns a program that uploads a picture and answers its event, with this setting DRAW.

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
                self.publisher(client, draw).serve(ref)

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
        yield World(bucket, models, settings, (WatchedClient(), WatchedClient()), executor)


def etag(name: str) -> str:
    return hashlib.md5(PICTURES[name], usedforsecurity=False).hexdigest()


def check_complete(world: World, name: str, document: dict[str, Any]) -> None:
    """Checks that a document belongs to the image, and the annotated image to the document."""
    assert document["metadata"]["source-etag"] == document["image"]["etag"]
    if document["settings"].get("draw") == "none":
        assert document["annotated"] is None
        assert document["metadata"]["image-etag"] == "none"
        return
    key = document["annotated"]["key"]
    assert document["metadata"]["image-etag"] == world.etag(key)
    suffix = document["metadata"].get("annotated-suffix", "")
    assert key == f"output/{name}{suffix}"


@dataclass(frozen=True)
class Scenario:
    """An image whose event is served while something newer happens to its key.

    before: the picture whose result exists already. older: the picture that is under the key at the
    start, and has an event. newer: the picture that is uploaded meanwhile, and has another event;
    None to delete the image; "same" to deliver the event of the older picture twice. draws: the
    setting DRAW of the result that exists already, of the first program, and of the second one.
    """

    before: str | None
    older: str
    newer: str | None
    draws: tuple[str, str, str] = ("boxes", "boxes", "boxes")

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
        before, one, other = scenario.draws
        if scenario.before:
            world.upload(first, scenario.before, before)(world.clients[0])
        client.put_object(Bucket=BUCKET, Key=first.key, Body=PICTURES[scenario.older])
        if scenario.is_duplicate:
            self.programs = (world.serve(second, one), world.serve(second, other))
        else:
            self.programs = (world.serve(second, one), world.upload(third, scenario.newer, other))

    def watch(self, request: Request) -> None:
        """Remembers the sequencer of every published document."""
        if (request.operation, request.key) == ("PutObject", f"output/{self.name}.json"):
            self._documents.append(int(request.parameters["Metadata"]["sequencer"], 16))

    def check(self, *, may_leave_more: bool) -> None:
        """Checks that there is exactly one result, or none if there must be none.

        may_leave_more: whether there may be an annotated image that no document names.
        """
        assert self._documents == sorted(self._documents), "an older result replaced a newer one"
        scenario, document = self.scenario, self.world.document(self.name)
        if scenario.newer == "broken":
            assert not document
            assert self.annotated() == []
            assert self.world.etag(f"failed/{self.name}.json")
            return
        if scenario.newer is None and not document:
            return
        if scenario.is_duplicate and len(set(scenario.draws[1:])) == 1:
            assert len(self._documents) == 1
        (name,) = (name for name in self._expected() if etag(name) == document["image"]["etag"])
        assert [item["label"] for item in document["detections"]] == name.split()[:1]
        check_complete(self.world, self.name, document)
        key = f"output/{self.name}{'.jpg' if name.endswith('GIF') else ''}"
        draws = document["settings"].get("draw", "boxes") != "none"
        assert (document["annotated"] or {}).get("key") == (key if draws else None)
        if not may_leave_more or not draws:
            assert self.annotated() == ([key] if draws else [])

    def annotated(self) -> list[str]:
        """Returns the keys of all annotated images, also of those that no document names."""
        keys = (f"output/{self.name}{suffix}" for suffix in ("", ".jpg"))
        return [key for key in keys if self.world.etag(key)]

    def _expected(self) -> set[str]:
        """Returns the pictures whose result may be published in the end."""
        if self.scenario.newer is None:
            return {self.scenario.older, *filter(None, [self.scenario.before])}
        return {self.scenario.older if self.scenario.is_duplicate else self.scenario.newer}


NOTHING = ("none", "none", "none")
SCENARIOS = {
    "a first image is replaced": Scenario(None, "red", "green"),
    "an image with a result is replaced twice": Scenario("red", "green", "red"),
    "an image is uploaded again, and then replaced": Scenario("red", "red", "green"),
    "an event arrives twice at the same time": Scenario(None, "red", "same"),
    "a later event arrives twice at the same time": Scenario("green", "red", "same"),
    "a broken image is replaced": Scenario(None, "broken", "green"),
    "an image is replaced by a broken one": Scenario("red", "green", "broken"),
    "an image is deleted": Scenario("red", "green", None),
    "a first PNG is replaced by a GIF": Scenario(None, "red", "green GIF"),
    "a first GIF is replaced by a PNG": Scenario(None, "red GIF", "green"),
    "a PNG with a result is replaced by a GIF, and that by the PNG": Scenario(
        "red", "green GIF", "red"
    ),
    "a GIF with a result is replaced by a PNG, and that by the GIF": Scenario(
        "red GIF", "green", "red GIF"
    ),
    "a PNG is replaced by a GIF whose event arrives twice": Scenario("red", "green GIF", "same"),
    "a PNG is replaced by a GIF, and that by a broken image": Scenario(
        "red", "green GIF", "broken"
    ),
    "a GIF is replaced by a PNG, which is deleted": Scenario("red GIF", "green", None),
    "nothing is drawn of a first image, which is replaced": Scenario(None, "red", "green", NOTHING),
    "nothing is drawn of an image that is replaced twice": Scenario("red", "green", "red", NOTHING),
    "nothing is drawn, and an event arrives twice": Scenario(None, "red", "same", NOTHING),
    "nothing is drawn any more, and an event arrives twice": Scenario(
        "red", "green", "same", ("boxes", "none", "none")
    ),
    "nothing is drawn, and an image is replaced by a broken one": Scenario(
        "red", "green", "broken", NOTHING
    ),
    "nothing is drawn of an image that is deleted": Scenario("red", "green", None, NOTHING),
    "one of two functions with the same event draws nothing": Scenario(
        None, "red", "same", ("boxes", "boxes", "none")
    ),
    "one of two functions with a later event draws nothing": Scenario(
        "green", "red", "same", ("boxes", "none", "boxes")
    ),
    "nothing is drawn of a PNG that is replaced by a GIF with boxes": Scenario(
        "red", "green", "red GIF", ("boxes", "none", "boxes")
    ),
    "nothing is drawn of a GIF that replaces a PNG with boxes": Scenario(
        "red GIF", "green", "red GIF", ("boxes", "boxes", "none")
    ),
    "one of two functions redacts": Scenario(None, "red", "same", ("boxes", "boxes", "blur")),
    "boxes are drawn, then nothing": Scenario(
        None, "red", "same", ("boxes", "boxes, then none", "none")
    ),
    "boxes are drawn on a GIF, then nothing": Scenario(
        "red", "green GIF", "same", ("boxes", "boxes, then none", "none")
    ),
    "boxes are drawn, then objects are hidden": Scenario(
        None, "red", "same", ("boxes", "boxes, then blur", "blur")
    ),
    "a redacted image is replaced, and nothing is drawn of that": Scenario(
        "red", "red", "green", ("boxes", "pixelate", "none")
    ),
}


def check_orders(world: World, scenario: Scenario, kill: tuple[int, int] | None = None) -> int:
    """Runs orders of a scenario, each with the same kill; returns how many.

    `kill` is that of `execute`.
    """

    def run(choices: list[int]) -> list[int]:
        execution = Execution(world, scenario)
        options = execute(execution.programs, world.clients, choices, kill, execution.watch)
        execution.check(may_leave_more=kill is not None)
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
        ("a first PNG is replaced by a GIF", 0, 1),
        ("a PNG is replaced by a GIF whose event arrives twice", 0, 1),
        ("a PNG is replaced by a GIF whose event arrives twice", 0, 2),
        ("a GIF with a result is replaced by a PNG, and that by the GIF", 0, 1),
        ("a GIF with a result is replaced by a PNG, and that by the GIF", 1, 3),
        ("nothing is drawn any more, and an event arrives twice", 0, 1),
        ("one of two functions with the same event draws nothing", 0, 1),
        ("one of two functions with the same event draws nothing", 1, 1),
        ("one of two functions with a later event draws nothing", 0, 1),
        ("boxes are drawn, then nothing", 0, 1),
        ("boxes are drawn on a GIF, then nothing", 0, 1),
        ("boxes are drawn on a GIF, then nothing", 0, 2),
        ("boxes are drawn, then objects are hidden", 0, 1),
    ],
)
def test_exactly_one_result_after_a_kill_between_image_and_document(
    world: World, name: str, victim: int, writes: int
) -> None:
    assert check_orders(world, SCENARIOS[name], (victim, writes)) >= 5


@dataclass(frozen=True)
class Rivals:
    """Two images that want the same key for their annotated images: `N.gif` and `N.gif.jpg`.

    first, second: the picture under each key when both events are served at the same time. before:
    what `N.gif` was when it got the result that it has already; None for no result.
    """

    first: str
    second: str
    before: str | None = None


class Contest:
    """One execution in which two images are served at the same time, on two new keys."""

    def __init__(self, world: World, rivals: Rivals) -> None:
        self.world = world
        number = next(_numbers)
        self.names = (f"{number}.gif", f"{number}.gif.jpg")
        refs = [ImageRef(BUCKET, f"input/{name}", "0B") for name in self.names]
        if rivals.before:
            earlier = ImageRef(BUCKET, refs[0].key, "0A")
            world.upload(earlier, rivals.before)(world.clients[0])
        for ref, name in zip(refs, (rivals.first, rivals.second), strict=True):
            world.bucket.client.put_object(Bucket=BUCKET, Key=ref.key, Body=PICTURES[name])
        self.programs = [world.serve(ref) for ref in refs]

    def results(self) -> list[str]:
        """Returns the images with a result; checks that each other image has a record."""
        found = []
        for name, other in zip(self.names, reversed(self.names), strict=True):
            document = self.world.document(name)
            if document:
                check_complete(self.world, name, document)
                found.append(name)
                continue
            record = self.world.bucket.client.get_object(Bucket=BUCKET, Key=f"failed/{name}.json")
            error = json.loads(record["Body"].read())["error"]
            assert f"the annotated image of input/{other}" in error["message"]
        return found


def check_contests(
    world: World, rivals: Rivals, kill: tuple[int, int] | None = None
) -> list[list[str]]:
    """Runs orders of a contest; returns the endings of the names with a result, for each order."""
    endings = []

    def run(choices: list[int]) -> list[int]:
        contest = Contest(world, rivals)
        options = execute(contest.programs, world.clients, choices, kill, lambda request: None)
        endings.append([name[name.index(".") :] for name in contest.results()])
        return options

    orders = explore(run) if ORDERS == "all" else sample(run, int(ORDERS))
    assert sum(1 for _ in orders) >= 5
    return endings


@pytest.mark.parametrize("kill", [None, (0, 1), (1, 1)])
def test_one_of_two_images_that_want_one_key_gets_it_and_the_other_a_record(
    world: World, kill: tuple[int, int] | None
) -> None:
    endings = check_contests(world, Rivals("red GIF", "green"), kill)

    assert {tuple(ending) for ending in endings} == {(".gif",), (".gif.jpg",)}


def test_an_image_never_takes_the_key_of_another_that_has_a_result(world: World) -> None:
    endings = check_contests(world, Rivals("red GIF", "green", before="green GIF"))

    assert all(ending == [".gif"] for ending in endings)


def test_a_key_that_an_image_gives_up_is_free_for_another(world: World) -> None:
    endings = check_contests(world, Rivals("red", "green", before="red GIF"))

    assert {tuple(ending) for ending in endings} <= {(".gif",), (".gif", ".gif.jpg")}
    assert [".gif", ".gif.jpg"] in endings


def test_two_images_whose_annotated_images_have_different_keys_both_get_results(
    world: World,
) -> None:
    endings = check_contests(world, Rivals("red GIF", "green GIF"))

    assert all(ending == [".gif", ".gif.jpg"] for ending in endings)
