import pytest
from hypothesis import given

from modules.errors import ImageError
from modules.results.keys import check_key, failure_prefix, image_key, output_keys
from modules.settings import Settings
from tests.events.test_notifications import KEYS

SETTINGS = Settings(input_prefix="in/", output_prefix="out/", failed_prefix="bad/")


def test_outputs_keep_the_name_below_the_input_prefix() -> None:
    keys = output_keys("in/a/b.jpg", SETTINGS)

    assert keys.annotated == "out/a/b.jpg"
    assert keys.document == "out/a/b.jpg.json"
    assert keys.failure == "bad/a/b.jpg.json"


@given(KEYS)
def test_every_key_has_a_failure_key_that_s3_accepts(name: str) -> None:
    key = output_keys(f"input/{name}", Settings()).failure

    assert len(key.encode()) <= 1024
    assert key.startswith("failed/")
    assert key.endswith(".json")
    if len(name.encode()) <= 1024 - len("failed/.json"):
        assert key == f"failed/{name}.json"
        assert image_key(key, Settings()) == f"input/{name}"


def test_long_keys_that_begin_alike_have_different_failure_keys() -> None:
    keys = {
        output_keys(f"input/{'x' * 1017}{ending}", Settings()).failure for ending in ("a", "b", "c")
    }

    assert len(keys) == 3


def test_the_failures_of_a_prefix_share_a_prefix() -> None:
    assert failure_prefix("in/a", SETTINGS) == "bad/a"
    assert failure_prefix("", SETTINGS) == "bad/"


def test_a_key_that_leaves_no_room_for_the_document_is_refused() -> None:
    longest = "input/" + "x" * (1024 - len("output/.json"))
    check_key(longest, Settings())

    with pytest.raises(ImageError, match=r"its document would have 1,025 bytes"):
        check_key(longest + "x", Settings())


def test_a_key_that_ends_like_a_document_is_refused() -> None:
    with pytest.raises(ImageError, match=r"must not end in \.json"):
        check_key("input/a.jpg.json", Settings())
