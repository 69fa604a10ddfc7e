"""Results come newest first, in pages, and are found by name and label."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from moto.s3.models import s3_backends

from modules.cli.page.index import ResultIndex
from modules.settings import Settings
from tests.cli.page.conftest import Served


def document(name: str, *labels: str) -> bytes:
    detections = [{"label": label, "confidence": 0.9} for label in labels]
    model = {"name": "colours", "digest": "sha256:0", "input": [64, 64]}
    return json.dumps(
        {"image": {"key": f"input/{name}", "etag": "e"}, "model": model, "detections": detections}
    ).encode()


def put(
    served: Served, name: str, *labels: str, hours: float = 0, bucket: str | None = None
) -> None:
    """Stores a document that is `hours` old, without the time that a request takes."""
    backend: Any = s3_backends["123456789012"]["aws"]
    key = backend.put_object(
        bucket or served.site.bucket, f"output/{name}.json", document(name, *labels)
    )
    key.last_modified = datetime.now(UTC).replace(tzinfo=None) - timedelta(hours=hours)


def names(page: dict[str, Any]) -> list[str]:
    return [item["key"].removeprefix("input/") for item in page["items"]]


@pytest.fixture
def index(served: Served) -> ResultIndex:
    return ResultIndex(served.client, served.site.bucket, Settings())


def wait_until_read(index: ResultIndex, query: str) -> dict[str, Any]:
    for _ in range(200):
        page = index.page(None, 60, query)
        if not page["unread"]:
            return page
    raise AssertionError("the documents are never read")


def test_an_empty_bucket_has_no_results(index: ResultIndex) -> None:
    page = index.page(None, 60)
    assert (page["items"], page["next"], page["total"]) == ([], None, 0)
    assert index.newest() is None


def test_the_newest_result_comes_first(served: Served, index: ResultIndex) -> None:
    for name, hours in (("a.jpg", 2), ("b.jpg", 1), ("c.jpg", 3)):
        put(served, name, hours=hours)
    assert names(index.page(None, 60)) == ["b.jpg", "a.jpg", "c.jpg"]


def test_pages_continue_where_the_one_before_ended_though_new_results_came(
    served: Served, index: ResultIndex
) -> None:
    for number in range(7):
        put(served, f"{number}.jpg", hours=number + 1)
    first = index.page(None, 3)
    put(served, "new.jpg")
    second = index.page(first["next"], 3, is_fresh=True)
    third = index.page(second["next"], 3)
    shown = names(first) + names(second) + names(third)
    assert shown == [f"{number}.jpg" for number in range(7)]
    assert third["next"] is None
    assert names(index.page(None, 1)) == ["new.jpg"]


def test_a_search_finds_names_and_labels_in_any_case(served: Served, index: ResultIndex) -> None:
    put(served, "Dog.jpg", "cat", hours=3)
    put(served, "b.jpg", "DOG", "dog", hours=2)
    put(served, "c.jpg", "bird", hours=1)
    assert names(wait_until_read(index, "dog")) == ["b.jpg", "Dog.jpg"]
    assert names(wait_until_read(index, "none")) == []


def test_a_changed_document_is_read_again(served: Served, index: ResultIndex) -> None:
    put(served, "a.jpg", "cat")
    assert index.page(None, 60)["items"][0]["labels"] == {"cat": 1}
    put(served, "a.jpg", "dog", "dog")
    assert index.page(None, 60, is_fresh=True)["items"][0]["labels"] == {"dog": 2}


def test_a_file_that_is_no_document_is_named_as_such(served: Served, index: ResultIndex) -> None:
    served.client.put_object(Bucket=served.site.bucket, Key="output/a.jpg.json", Body=b"[1]")
    (item,) = index.page(None, 60)["items"]
    assert item["error"] == "this is no result of the function"


def test_10_000_results_are_shown_and_searched(served: Served) -> None:
    served.client.create_bucket(Bucket="many-pictures")
    index = ResultIndex(served.client, "many-pictures", Settings())
    for number in range(10_000):
        put(
            served,
            f"{number}.jpg",
            "cat" if number % 2_500 else "unicorn",
            hours=number + 1,
            bucket="many-pictures",
        )
    page = index.page(None, 60)
    while page["listing"]:
        page = index.page(None, 60)
    assert page["total"] == 10_000
    assert names(page)[:2] == ["0.jpg", "1.jpg"]
    found = index.page(None, 60, "7777")
    assert names(found) == ["7777.jpg"]
    assert found["unread"] > 0  # names are found before the documents are read
