"""Many images, several workers, and an S3 that fails; start at `Storm`.

The function runs as on Lambda: in subprocesses under Lambda's runtime client, behind an
asynchronous queue that tries an event three times and then keeps it as a dead letter.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote, unquote_plus

from modules.cli.local_aws.bucket import BUCKET, LocalBucket
from modules.cli.local_aws.execution_environment import Function
from modules.cli.local_aws.functions import AsyncPolicy, Functions
from modules.models.folder import LocalFolder
from modules.models.loader import load_model
from modules.results.pipeline import draw, process
from modules.settings import Settings
from modules.telemetry.timings import Timings
from tests.faults.faults import Fault, no_fault
from tests.faults.pictures import Drop
from tests.faults.proxy import FaultyProxy

_ROOT = Path(__file__).parent.parent.parent
_REPEATED = 0.15  # share of all events
_MAX_WAITING = 6  # events; a random one of them is delivered next
_RETRY_SECONDS = 0.2  # on Lambda a minute
_TIMEOUT = 600.0  # seconds


@dataclass(frozen=True)
class Tally:
    """The outcome of a storm: keys of images by how they ended, and what the storm took.

    results, failures: correct, and of the last drop of the key. dead_letters: neither of them, but
    in a dead letter. missing: none of the three. wrong: an incorrect result. published_twice:
    dropped once, but the document was written more than once. unrepaired: neither result nor
    failure after the dead letters were redriven. tries: the number of events by how often they were
    tried. durations: of invocations, in milliseconds.
    """

    results: list[str]
    failures: list[str]
    dead_letters: list[str]
    missing: list[str]
    wrong: list[str]
    published_twice: list[str]
    unrepaired: list[str]
    seconds: float
    requests: int
    injected: dict[Fault, int]
    tries: dict[int, int]
    cold_starts: int
    durations: list[float]


class Storm:
    """Drops images, and delivers their events: some twice, some late, some out of order.

    A context: the workers run until it is left.
    """

    def __init__(
        self,
        bucket: LocalBucket,
        proxy: FaultyProxy,
        model: Path,
        *,
        workers: int,
        draw: str = Settings.draw,
    ) -> None:
        """Starts workers.

        Args:
            bucket: where the images go.
            proxy: is in front of the bucket.
            model: the model folder to upload.
            workers: how many invocations run at once.
            draw: the setting DRAW.
        """
        self._settings = Settings(draw=draw)
        self._bucket = bucket
        self._proxy = proxy
        self._workers = workers
        self._model = load_model(LocalFolder(model), Settings())
        self._letters: list[dict[str, Any]] = []
        self._logs: list[str] = []
        self._puts: Counter[str] = Counter()
        bucket.upload_model(model)
        endpoint = {"AWS_ENDPOINT_URL": proxy.endpoint, "MODEL": f"models/{model.name}/"}
        endpoint["DRAW"] = draw
        self._function = Function(
            name="detect",
            arn="arn:aws:lambda:us-east-1:123456789012:function:detect",
            handler="lambda_function.lambda_handler",
            python=Path(sys.executable),
            task=_ROOT,
            layers=(),
            variables=tuple({**bucket.environment, **endpoint}.items()),
            memory_mb=1769,
            timeout_seconds=60,
        )
        self._functions = Functions(
            find=lambda name: self._function,
            policy=lambda name: AsyncPolicy(self._function.arn, on_failure="dead-letters"),
            send=lambda queue, message: self._letters.append(json.loads(message)),
            write_log=lambda name, text: self._logs.append(text),
            retry_seconds=_RETRY_SECONDS,
            concurrency=workers,
        )

    def __enter__(self) -> Self:
        self._proxy.on_answer = self._count_put
        return self

    def __exit__(self, *exception: object) -> None:
        self._functions.close()

    def run(
        self, drops: list[Drop], seed: int, progress: Callable[[], None] = lambda: None
    ) -> Tally:
        """Drops everything, waits until no invocation is in progress, and checks every image.

        Raises:
            TimeoutError: invocations are still in progress after ten minutes.
        """
        start = time.monotonic()
        for event in self._deliveries(drops, random.Random(seed), progress):
            self._invoke(event, unfinished=2 * self._workers)
        self._wait()
        seconds = time.monotonic() - start
        last = {drop.key: drop for drop in drops}
        states = {key: self._state(drop) for key, drop in last.items()}
        dead = {key for letter in self._letters for key in _keys(letter["requestPayload"])}
        log = "\n".join(self._logs)
        tally = Tally(
            results=_in_state(states, "result"),
            failures=_in_state(states, "failure"),
            dead_letters=[key for key in _in_state(states, "missing") if key in dead],
            missing=[key for key in _in_state(states, "missing") if key not in dead],
            wrong=_in_state(states, "wrong"),
            published_twice=self._put_twice(drops),
            unrepaired=[],
            seconds=seconds,
            requests=self._proxy.requests,
            injected=dict(self._proxy.injected),
            tries=dict(Counter(Counter(re.findall(r"START RequestId: (\S+)", log)).values())),
            cold_starts=log.count("Init Duration"),
            durations=[float(value) for value in re.findall(r"\tDuration: ([\d.]+)", log)],
        )
        self._redrive()
        right = ("result", "failure")
        touched = {key for key, state in states.items() if state not in right} | dead
        unrepaired = [key for key in sorted(touched) if self._state(last[key]) not in right]
        return replace(tally, unrepaired=unrepaired)

    def _invoke(self, event: dict[str, Any], unfinished: int = 0) -> None:
        self._functions.invoke_later("detect", json.dumps(event).encode())
        self._wait(unfinished)

    def _wait(self, unfinished: int = 0) -> None:
        if not self._functions.wait_until_idle(_TIMEOUT, unfinished=unfinished):
            raise TimeoutError(f"invocations are still in progress after {_TIMEOUT:g} seconds")

    def _deliveries(
        self, drops: list[Drop], rng: random.Random, progress: Callable[[], None]
    ) -> Iterator[dict[str, Any]]:
        """Puts the objects; yields their events in the order of delivery."""
        waiting: list[dict[str, Any]] = []
        for drop in drops:
            self._bucket.client.put_object(Bucket=BUCKET, Key=drop.key, Body=drop.data)
            for event in self._bucket.events():
                if "Records" in event:
                    waiting += [event] * (1 + (rng.random() < _REPEATED))
            while len(waiting) > _MAX_WAITING:
                yield waiting.pop(rng.randrange(len(waiting)))
            progress()
        rng.shuffle(waiting)
        yield from waiting

    def _redrive(self) -> None:
        """Redrives the dead letters while S3 has no faults."""
        self._proxy.choose = no_fault
        for letter in self._letters:
            self._invoke(letter["requestPayload"], unfinished=2 * self._workers)
        self._wait()

    def _state(self, drop: Drop) -> str:
        """Returns how an image ended: `result`, `failure`, `wrong`, or `missing`.

        The result of an older drop counts as missing.
        """
        name = drop.key.removeprefix("input/")
        document, record = self._read(f"output/{name}.json"), self._read(f"failed/{name}.json")
        if document and document["image"]["etag"] == drop.etag:
            return "result" if self._is_right(document, drop) else "wrong"
        has_failed = record and record["image"]["etag"] == drop.etag and not document
        return "failure" if has_failed and drop.squares is None else "missing"

    def _is_right(self, document: Any, drop: Drop) -> bool:
        """Whether a document names what the picture shows, and its annotated image is correct."""
        found: frozenset[Any] = frozenset(
            (item["label"], item["box"]["x"], item["box"]["y"]) for item in document["detections"]
        )
        if found != drop.squares:
            return False
        result = process(drop.data, self._model, self._settings, Timings())
        annotated = draw(result, self._model, self._settings, Timings())
        key = f"output/{drop.key.removeprefix('input/')}"
        if annotated is None:
            return document["annotated"] is None and self._etag(key) is None
        etag = hashlib.md5(annotated, usedforsecurity=False).hexdigest()
        return document["annotated"]["key"] == key and self._etag(key) == f'"{etag}"'

    def _etag(self, key: str) -> str | None:
        try:
            return self._bucket.client.head_object(Bucket=BUCKET, Key=key)["ETag"]
        except self._bucket.client.exceptions.ClientError:
            return None

    def _read(self, key: str) -> Any:
        try:
            return json.loads(self._bucket.client.get_object(Bucket=BUCKET, Key=key)["Body"].read())
        except self._bucket.client.exceptions.NoSuchKey:
            return None

    def _count_put(self, method: str, path: str, body: bytes, status: int) -> None:
        """Counts how often each document was written, even if the client did not get the answer."""
        key = unquote(path).removeprefix(f"/{BUCKET}/")
        if method == "PUT" and status == 200 and re.fullmatch(r"output/.*\.json", key):
            self._puts[key] += 1

    def _put_twice(self, drops: list[Drop]) -> list[str]:
        dropped = Counter(drop.key for drop in drops)
        documents = {key: f"output/{key.removeprefix('input/')}.json" for key in dropped}
        return [key for key, name in documents.items() if dropped[key] == 1 < self._puts[name]]


def _in_state(states: dict[str, str], wanted: str) -> list[str]:
    return [key for key, state in states.items() if state == wanted]


def _keys(event: dict[str, Any]) -> list[str]:
    return [unquote_plus(record["s3"]["object"]["key"]) for record in event["Records"]]
