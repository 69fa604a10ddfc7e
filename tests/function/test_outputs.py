import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.function.outputs import Annotated, Published, Stamp, later_sequencer
from modules.storage.version import Version


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("0A", "0B", "0B"),
        ("FF", "0100", "0100"),  # compared as texts, the order would be the opposite
        ("0a", "0B", "0B"),
        ("0A", None, "0A"),
        (None, "0A", "0A"),
        (None, None, None),
    ],
)
def test_the_later_of_two_sequencers_is_the_greater_number(
    one: str | None, other: str | None, expected: str | None
) -> None:
    assert later_sequencer(one, other) == expected


@given(
    st.builds(
        Stamp,
        st.builds(Version, st.text("0123456789abcdef-"), st.text("0123456789:T+-"), st.none()),
        st.text("abc:0"),
        st.text("abc:0"),
        st.none() | st.text("0123456789ABCDEF"),
    )
)
def test_a_stamp_is_read_back_from_its_metadata(stamp: Stamp) -> None:
    assert Stamp.read(stamp.metadata()) == stamp
    assert all(value.isascii() for value in stamp.metadata().values())


def test_the_metadata_of_another_program_have_no_stamp() -> None:
    assert Stamp.read({}) is None
    assert Stamp.read({"source-etag": "a", "source-modified": "b"}) is None


@pytest.mark.parametrize(
    ("document", "expected_image", "image", "is_complete"),
    [
        (None, None, None, False),
        (None, None, "i", False),
        ("d", "i", None, False),
        ("d", "i", "another", False),
        ("d", None, None, False),
        ("d", "i", "i", True),
    ],
)
def test_a_result_is_complete_if_the_document_names_the_annotated_image_that_exists(
    document: str | None, expected_image: str | None, image: str | None, is_complete: bool
) -> None:
    annotated = {"": Annotated(image, "input/a")} if image else {}
    published = Published(None, document, expected_image, "", "input/a", annotated)

    assert published.is_complete == is_complete


def test_the_annotated_image_of_another_image_completes_no_result() -> None:
    annotated = {"": Annotated("i", "input/a.heic")}

    assert not Published(None, "d", "i", "", "input/a.heic.jpg", annotated).is_complete


def test_annotated_images_of_other_formats_are_former_ones_only_if_they_are_the_images_own() -> (
    None
):
    annotated = {
        "": Annotated("1", "input/a"),
        ".jpg": Annotated("2", "input/a"),
        ".png": Annotated("3", "input/a.png"),
        ".gif": Annotated("4", None),
    }

    assert Published(None, "d", "1", "", "input/a", annotated).former("") == {".jpg": "2"}
