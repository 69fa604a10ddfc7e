"""Results come newest first, in pages, and are found by name and label."""

import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from modules.cli.page.index import READER, ResultIndex
from modules.settings import Settings
from modules.storage.client import create_client
from tests.cli.page.conftest import Served, put_document
from tests.waiting import PATIENCE, wait_until


def names(page: dict[str, Any]) -> list[str]:
    return [item["key"].removeprefix("input/") for item in page["items"]]


def wait_until_listed(index: ResultIndex) -> dict[str, Any]:
    page = index.page(None, 60)
    while page["listing"]:
        page = index.page(None, 60)
    return page


@pytest.fixture
def index(served: Served) -> Iterator[ResultIndex]:
    with closing(ResultIndex(served.client, served.site.bucket, Settings())) as index:
        yield index


def wait_until_read(index: ResultIndex, query: str) -> dict[str, Any]:
    page: dict[str, Any] = {}

    def is_read() -> bool:
        page.update(index.page(None, 60, query))
        return not page["unread"]

    wait_until(is_read, "all documents are read")
    return page


def test_an_empty_bucket_has_no_results(index: ResultIndex) -> None:
    page = index.page(None, 60)
    assert (page["items"], page["next"], page["total"]) == ([], None, 0)
    assert index.newest() is None


def test_the_newest_result_comes_first(served: Served, index: ResultIndex) -> None:
    for name, hours in (("a.jpg", 2), ("b.jpg", 1), ("c.jpg", 3)):
        put_document(served, name, hours=hours)
    assert names(index.page(None, 60)) == ["b.jpg", "a.jpg", "c.jpg"]


def test_pages_continue_where_the_one_before_ended_though_new_results_came(
    served: Served, index: ResultIndex
) -> None:
    for number in range(7):
        put_document(served, f"{number}.jpg", hours=number + 1)
    first = index.page(None, 3)
    put_document(served, "new.jpg")
    second = index.page(first["next"], 3, is_fresh=True)
    third = index.page(second["next"], 3)
    shown = names(first) + names(second) + names(third)
    assert shown == [f"{number}.jpg" for number in range(7)]
    assert third["next"] is None
    assert names(index.page(None, 1)) == ["new.jpg"]


def test_a_search_finds_names_and_labels_in_any_case(served: Served, index: ResultIndex) -> None:
    put_document(served, "Dog.jpg", "cat", hours=3)
    put_document(served, "b.jpg", "DOG", "dog", hours=2)
    put_document(served, "c.jpg", "bird", hours=1)
    assert names(wait_until_read(index, "dog")) == ["b.jpg", "Dog.jpg"]
    assert names(wait_until_read(index, "none")) == []


def test_a_changed_document_is_read_again(served: Served, index: ResultIndex) -> None:
    put_document(served, "a.jpg", "cat")
    assert index.page(None, 60)["items"][0]["labels"] == {"cat": 1}
    put_document(served, "a.jpg", "dog", "dog")
    assert index.page(None, 60, is_fresh=True)["items"][0]["labels"] == {"dog": 2}


def test_a_fresh_page_has_what_came_while_an_older_listing_ran(served: Served) -> None:
    put_document(served, "old.jpg", hours=1)
    client = create_client()
    answered, released = threading.Event(), threading.Event()

    def put_another(**_: object) -> None:
        if not answered.is_set():
            put_document(served, "new.jpg")  # S3 has answered without this one
            answered.set()
            released.wait(PATIENCE)

    client.meta.events.register("after-call.s3.ListObjectsV2", put_another)
    with closing(ResultIndex(client, served.site.bucket, Settings())) as index:
        older = threading.Thread(target=index.page, args=(None, 60))
        older.start()
        assert answered.wait(PATIENCE)
        assert index.page(None, 60, is_fresh=True)["listing"]
        released.set()
        page = wait_until_listed(index)
        older.join()
    assert names(page) == ["new.jpg", "old.jpg"]


def test_a_file_that_is_no_document_is_named_as_such(served: Served, index: ResultIndex) -> None:
    served.client.put_object(Bucket=served.site.bucket, Key="output/a.jpg.json", Body=b"[1]")
    (item,) = index.page(None, 60)["items"]
    assert item["error"] == "this is no result of the function"


def test_10_000_results_are_shown_and_searched(served: Served) -> None:
    served.client.create_bucket(Bucket="many-pictures")
    for number in range(10_000):
        put_document(
            served,
            f"{number}.jpg",
            "cat" if number % 2_500 else "unicorn",
            hours=number + 1,
            bucket="many-pictures",
        )
    with closing(ResultIndex(served.client, "many-pictures", Settings())) as index:
        page = wait_until_listed(index)
        assert page["total"] == 10_000
        assert names(page)[:2] == ["0.jpg", "1.jpg"]
        found = index.page(None, 60, "7777")
        assert names(found) == ["7777.jpg"]
        assert found["unread"] > 0  # names are found before the documents are read


def test_a_closed_index_stops_reading_documents(served: Served) -> None:
    for number in range(200):
        put_document(served, f"{number}.jpg")
    client = create_client()
    index = ResultIndex(client, served.site.bucket, Settings())
    requested: list[object] = []

    def close_at_the_tenth(**request: object) -> None:
        requested.append(request)
        if len(requested) == 10:
            index.close()

    client.meta.events.register("before-call.s3.GetObject", close_at_the_tenth)
    index.page(None, 60, "no such label")
    wait_until(lambda: READER not in [thread.name for thread in threading.enumerate()], "its end")
    assert len(requested) < 20  # ten more threads may have been about to send a request
