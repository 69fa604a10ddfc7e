import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.function.outputs import Published, Stamp, later
from modules.results.keys import failure_key
from modules.settings import Settings
from modules.storage.version import Version
from tests.events.test_notifications import KEYS


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("0A", "0B", "0B"),
        ("FF", "0100", "0100"),  # as a text it would be the other way round
        ("0a", "0B", "0B"),
        ("0A", None, "0A"),
        (None, "0A", "0A"),
        (None, None, None),
    ],
)
def test_the_later_of_two_sequencers_is_the_greater_number(
    one: str | None, other: str | None, expected: str | None
) -> None:
    assert later(one, other) == expected


@given(
    st.builds(
        Stamp,
        st.builds(Version, st.text("0123456789abcdef-"), st.text("0123456789:T+-"), st.none()),
        st.text("abc:0"),
        st.text("abc:0"),
        st.none() | st.text("0123456789ABCDEF"),
    )
)
def test_a_stamp_comes_back_from_its_metadata(stamp: Stamp) -> None:
    assert Stamp.read(stamp.metadata()) == stamp
    assert all(value.isascii() for value in stamp.metadata().values())


def test_what_somebody_else_wrote_has_no_stamp() -> None:
    assert Stamp.read({}) is None
    assert Stamp.read({"source-etag": "a", "source-modified": "b"}) is None


@pytest.mark.parametrize(
    ("document", "seal", "image", "expected"),
    [
        (None, None, None, False),
        (None, None, "i", False),
        ("d", "i", None, False),
        ("d", "i", "another", False),
        ("d", None, None, False),
        ("d", "i", "i", True),
    ],
)
def test_a_result_is_whole_with_a_document_and_the_image_that_it_seals(
    document: str | None, seal: str | None, image: str | None, expected: bool
) -> None:
    assert Published(None, document, seal, image).is_whole == expected


@given(KEYS)
def test_there_is_always_a_place_for_a_failure(name: str) -> None:
    key = failure_key(f"input/{name}", Settings())

    assert len(key.encode()) <= 1024
    assert key.startswith("failed/")
    assert key.endswith(".json")
    if len(name.encode()) <= 1024 - len("failed/.json"):
        assert key == f"failed/{name}.json"


def test_failures_of_long_keys_that_begin_alike_have_places_of_their_own() -> None:
    keys = {failure_key(f"input/{'x' * 1017}{ending}", Settings()) for ending in "abc"}

    assert len(keys) == 3
