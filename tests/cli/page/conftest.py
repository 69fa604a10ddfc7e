from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto.s3.models import s3_backends

from modules.cli.local_aws.bucket import BUCKET, LocalBucket
from modules.cli.page.function import LocalFunction
from modules.cli.page.server import PageServer
from modules.cli.page.site import Site
from modules.settings import Settings
from modules.storage.client import create_client
from tests.colour_model import write_colour_model
from tests.waiting import PATIENCE, wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

TOKEN = "a-secret-of-this-test"  # noqa: S105 - no secret
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@dataclass
class Served:
    """A page of a local bucket, whose function finds coloured rectangles."""

    site: Site
    address: str
    bucket: LocalBucket

    @property
    def client(self) -> Any:
        return self.site.client

    def keys(self, prefix: str = "") -> list[str]:
        found = self.client.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", ())
        return [item["Key"] for item in found]

    def is_idle(self) -> bool:
        """Returns whether the function has processed every event; it deletes them afterwards."""
        queues = boto3.client("sqs")
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        counts = queues.get_queue_attributes(
            QueueUrl=queues.get_queue_url(QueueName=f"{BUCKET}-events")["QueueUrl"],
            AttributeNames=names,
        )["Attributes"]
        return not any(int(counts[name]) for name in names)

    def clear(self) -> None:
        """Deletes the pictures, then what the function made of them."""
        self._delete("input/")
        wait_until(self.is_idle, "the function processes the last events")
        self._delete("output/")
        self._delete("failed/")

    def _delete(self, prefix: str) -> None:
        while keys := self.keys(prefix):
            names = [{"Key": key} for key in keys]
            self.client.delete_objects(Bucket=BUCKET, Delete={"Objects": names})


def document(name: str, *labels: str) -> bytes:
    detections = [{"label": label, "confidence": 0.9} for label in labels]
    model = {"name": "colours", "digest": "sha256:0", "input": [64, 64]}
    return json.dumps(
        {"image": {"key": f"input/{name}", "etag": "e"}, "model": model, "detections": detections}
    ).encode()


def put_document(
    served: Served, name: str, *labels: str, hours: float = 0, bucket: str | None = None
) -> None:
    """Stores a document that is `hours` old, without the time that a request takes."""
    backend: Any = s3_backends["123456789012"]["aws"]
    key = backend.put_object(
        bucket or served.site.bucket, f"output/{name}.json", document(name, *labels)
    )
    key.last_modified = datetime.now(UTC).replace(tzinfo=None) - timedelta(hours=hours)


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serves the page of a local bucket, which takes at most 200,000 bytes a picture."""
    model = write_colour_model(tmp_path_factory.mktemp("models") / "colours")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("MAX_IMAGE_BYTES", "200000")
        with LocalBucket("input/") as bucket:
            bucket.upload_model(model)
            with LocalFunction(bucket) as function:
                settings = Settings.from_environment(os.environ)
                site = Site(create_client(), BUCKET, settings, function)
                with PageServer(site, 0, 0, TOKEN) as server:
                    server.start()
                    yield Served(site, server.address, bucket)
                    server.stop()


@pytest.fixture
def served(serving: Served) -> Iterator[Served]:
    """Serves the page of a bucket without pictures."""
    yield serving
    serving.site.close()
    del vars(serving.site)["results"]  # what was listed
    serving.clear()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, as Debian and Chrome's makers ship it."""
    found = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if found is None:
        pytest.skip("no Chromium here; `apt-get install chromium` installs one")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=1000 * PATIENCE)
    with sync_playwright() as playwright:
        # Containers run as root, which Chromium's sandbox refuses; the page is our own
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, served: Served) -> Iterator[Page]:
    """The page, opened. Fails on a script's error, and on any request to another host."""
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    context.set_default_timeout(1000 * PATIENCE)
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: _note_foreign(request.url, served.address, problems))
    page.on(
        "console",
        lambda message: (
            problems.append(message.text) if "Security Policy" in message.text else None
        ),
    )
    unanswered: list[str] = []
    page.on("request", lambda request: unanswered.append(request.url))
    page.on("requestfinished", lambda request: unanswered.remove(request.url))
    page.on("requestfailed", lambda request: unanswered.remove(request.url))
    page.goto(served.address)
    page.wait_for_selector("body[data-ready]")
    yield page
    print("requests without an answer:", unanswered)  # shown if the test has failed
    context.close()
    assert not problems


def _note_foreign(url: str, address: str, problems: list[str]) -> None:
    if not url.startswith((address, "blob:", "data:")):
        problems.append(f"a request to {url}")
