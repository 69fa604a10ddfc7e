"""Every label and every path becomes a name of one part, and different ones different names."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.results.crops.names import class_folder, crop_name, flat_name, image_of

TEXTS = st.text(st.characters(codec=None), min_size=1, max_size=120)


@pytest.mark.parametrize(
    ("label", "folder"),
    [
        ("tennis racket", "tennis racket"),
        ("naïve café", "naïve café"),
        ("犬", "犬"),
        ("a/b", "a~b"),
        ("a~b", "a%7Eb"),
        ("50%", "50%25"),
        ("..", "%2E%2E"),
        (".", "%2E"),
        ("", "~"),
        ("../../etc", "%2E.~..~etc"),
        ("/etc/passwd", "~etc~passwd"),
        ("con", "%63on"),
        ("NUL.txt", "%4EUL.txt"),
        ("_temporary", "%5Ftemporary"),
        ("dog ", "dog%20"),
        ("what?", "what%3F"),
        ("a\nb\0", "a%0Ab%00"),
        ("a\\b", "a%5Cb"),
    ],
)
def test_a_label_becomes_a_folder(label: str, folder: str) -> None:
    assert class_folder(label) == folder


@given(st.lists(TEXTS, min_size=2, max_size=2, unique=True))
def test_different_texts_have_different_names(texts: list[str]) -> None:
    one, other = map(flat_name, texts)

    assert one != other


@given(TEXTS)
def test_a_name_is_one_part_of_a_path_and_valid_utf_8(text: str) -> None:
    for name in (class_folder(text), crop_name(text, 12)):
        assert Path("dir", name).parent == Path("dir")
        assert not set(name) & set('/\\:*?"<>|\0\n')
        assert 0 < len(name.encode()) < 255
        assert name[0] not in "._"


@given(TEXTS)
def test_a_name_that_is_not_cut_off_tells_the_path(text: str) -> None:
    name = flat_name(text)

    if len(name.encode()) < 200:
        restored = unquote_to_bytes(name.replace("~", "/"))
        assert restored == text.encode("utf-8", "surrogatepass") or restored == os.fsencode(text)


def test_long_texts_with_one_beginning_have_different_names() -> None:
    names = {flat_name("é" * 300 + end) for end in ("", "a", "b")}

    assert len(names) == 3
    assert all(len(name.encode()) <= 200 for name in names)


@given(TEXTS, st.integers(0, 10_000))
def test_the_image_of_a_crop_is_told_by_its_name(text: str, number: int) -> None:
    assert image_of(crop_name(text, number)) == flat_name(text)


@pytest.mark.parametrize("name", ["a.jpg", "_0.jpg", "a_0.png", "a_x.jpg", "a_0.jpg.part"])
def test_other_files_are_no_crops(name: str) -> None:
    assert image_of(name) is None
