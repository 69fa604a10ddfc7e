"""Shaping and order against arabic-reshaper and python-bidi."""

import unicodedata

import arabic_reshaper
import bidi.algorithm
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.object_detection.bidi import visual_order
from modules.object_detection.label_text import arabic_forms, drawn_text
from tests.object_detection.right_to_left import ARABIC, HEBREW, MARKED, NOT_IN_THE_FONT

# Without ZWJ and noon ghunna, where arabic-reshaper is not right: it does not form lam-alef next to
# a ZWJ, and lets no letter follow noon ghunna, which ArabicShaping.txt calls dual-joining
LETTERS = [letter for letter in arabic_forms() if len(letter) == 1 and letter != "\u06ba"]
WORDS = st.text("".join(LETTERS) + "\u0640\u200c a5-אב").filter(
    lambda word: any(unicodedata.bidirectional(character) in "R AL" for character in word)
)
WITHOUT_BRACKETS = "אבשabL كلا 12٣٤۵«»<>-+.,:/%#$ !&\u200e\u200f"
ONE_SIDE = str.maketrans(")]}»>", "([{«<")


def with_base_letters(text: str) -> str:
    """Replaces isolated forms by the letters themselves, which fonts draw alike."""
    parts = [unicodedata.decomposition(character).split() for character in text]
    return "".join(
        chr(int(part[1], 16)) if len(part) == 2 and part[0] == "<isolated>" else character
        for character, part in zip(text, parts, strict=True)
    )


def reshape(text: str) -> str:
    reshaper = arabic_reshaper.ArabicReshaper({"ARABIC LIGATURE ALLAH": False})
    return with_base_letters(str(reshaper.reshape(text)))


def reference(label: str) -> str:
    # python-bidi's Rust algorithm does not mirror brackets (L4). The older one does; it lacks N0,
    # the rule for pairs of brackets, which makes no difference for these labels
    return str(bidi.algorithm.get_display(reshape(label))).replace("\u200c", "")


@pytest.mark.parametrize("label", HEBREW + ARABIC + NOT_IN_THE_FONT)
def test_labels_are_shaped_and_ordered_as_by_the_references(label: str) -> None:
    assert drawn_text(label) == reference(label)


@given(WORDS)
def test_letters_join_as_by_arabic_reshaper(word: str) -> None:
    assert drawn_text(word) == reference(word)


@given(st.text(WITHOUT_BRACKETS + "()[]{}"))
def test_characters_are_ordered_as_by_python_bidi(text: str) -> None:
    # Its Rust algorithm does not mirror (L4), so both sides of a pair count as equal
    ordered = visual_order(text)

    assert ordered is not None
    assert ordered.translate(ONE_SIDE) == str(bidi.get_display(text)).translate(ONE_SIDE)


@given(st.text(WITHOUT_BRACKETS))
def test_characters_are_mirrored_as_by_python_bidi(text: str) -> None:
    assert visual_order(text) == bidi.algorithm.get_display(text)


@pytest.mark.parametrize(
    ("label", "drawn"),
    [
        ("כלב", "בלכ"),
        ("كلب", "\ufe90\ufee0\ufedb"),
        ("dog (כלב) 12", "dog (בלכ) 12"),
        ("כלב (dog) 12", "12 (dog) בלכ"),
        ("א[b]", "[b]א"),  # N0: a pair takes the paragraph's direction
        ("a (ב) ג", "a (ב) ג"),
        ("ה\u200d", "ה"),
        ("\u0644\u200d", "\ufedf"),  # a joiner makes the letter join
        ("\u0628\u200c\u0628", "\u0628\u0628"),  # a non-joiner keeps letters apart
        ("\u200fdog", "dog"),
        ("\u0643\u0640\u0644", "\ufede\u0640\ufedb"),
        ("\u0644\u0627", "\ufefb"),  # lam-alef is one glyph
        ("\u0627\u0653\u0628", "\u0628\u0622"),  # alef and madda are one letter
        ("\u05e9\u05bc\u05c1", "\ufb2c"),  # shin, dagesh and shin dot
        ("קאַץ", "\u05e5\ufb2e\u05e7"),
        ("\u06ba", "\u06ba"),
    ],
)
def test_the_rules_one_by_one(label: str, drawn: str) -> None:
    assert drawn_text(label) == drawn


@pytest.mark.parametrize("label", ["", "dog", "éléphant", "狗", "e\u0301", "a\u200db", "≠ «x» ⟦"])
def test_labels_without_right_to_left_characters_stay_the_same(label: str) -> None:
    assert drawn_text(label) == label


@pytest.mark.parametrize(
    "label",
    [
        *MARKED,
        "a\u202eb",  # an override, which shows "dog" as "god"
        "\u2067dog\u2069",
        "\u202bכלב\u202c",
        "כלב\tבית",
        "כלב\x07",
        "כלב\u00ad",
        "כלב ⟦",  # a mirrored character outside the table
        "\u06ba\u0628",  # noon ghunna has no initial form
        "\u066e\u0628",  # dotless beh has no forms
        "\ufee0\u0627",  # presentation forms are not known to be in logical order
    ],
)
def test_labels_that_cannot_be_drawn_correctly_are_refused(label: str) -> None:
    assert drawn_text(label) is None
