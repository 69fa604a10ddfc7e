"""Labels of right-to-left scripts as `cv2.putText` must draw them; start at `drawn_text`.

OpenCV draws the characters of a string one after another, from left to right, each with the glyph
of its own code point. Arabic letters join, so each is replaced by its presentation form.
"""

from __future__ import annotations

import functools
import unicodedata
from typing import Literal, cast

from .bidi import EXPLICIT, visual_order

_Form = Literal["isolated", "final", "initial", "medial"]

_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})
# They steer shaping and order and have no glyphs: ZWNJ, ZWJ, LRM, RLM, ALM
_INVISIBLE = dict.fromkeys(map(ord, "\u200c\u200d\u200e\u200f\u061c"))
_JOIN_CAUSING = ("\u0640", "\u200d")  # tatweel, zero width joiner
_LAM = "\u0644"
_NOON_GHUNNA = "\u06ba"  # joins on both sides by ArabicShaping.txt, but Unicode has only two forms


@functools.lru_cache(maxsize=1024)
def drawn_text(label: str) -> str | None:
    """Returns the characters that OpenCV must draw from left to right.

    A label without right-to-left characters is returned unchanged.

    Returns:
        None for a label that cannot be drawn correctly, one character after another: with vowel
        points or other marks on right-to-left letters (except those that Unicode encodes together
        with the letter), with characters that embed or override directions, or with Arabic letters
        that have no presentation form for their place in the word.
    """
    classes = list(map(unicodedata.bidirectional, label))
    if not any(name in _RIGHT_TO_LEFT or name in EXPLICIT for name in classes):
        return label
    if any(
        name == "BN" and ord(character) not in _INVISIBLE
        for character, name in zip(label, classes, strict=True)
    ):
        return None
    shaped = _shape(_compose(label))
    ordered = None if shaped is None else visual_order(shaped)
    return None if ordered is None else ordered.translate(_INVISIBLE)


def _compose(text: str) -> str:
    """Replaces letters and marks by the characters that Unicode encodes for both together.

    NFC leaves out the Hebrew ones (CompositionExclusions.txt), such as U+FB2A, shin with its dot.
    """
    composed = ""
    for character in unicodedata.normalize("NFC", text):
        both = _hebrew_composites().get(composed[-1:] + character)
        composed = composed + character if both is None else composed[:-1] + both
    return composed


def _shape(text: str) -> str | None:
    """Replaces Arabic letters by their presentation forms, still in logical order.

    The rules are those of the Unicode Standard, chapter 9.2, "Arabic Cursive Joining". Transparent
    marks need no rule here, as `visual_order` refuses them.
    """
    forms = arabic_forms()
    letters: list[str] = []
    for character in text:
        if letters and letters[-1] == _LAM and _LAM + character in forms:
            letters[-1] += character  # the ligature is obligatory
        else:
            letters.append(character)
    shaped = []
    for index, letter in enumerate(letters):
        if letter not in forms:
            if unicodedata.bidirectional(letter) == "AL" and unicodedata.category(letter) == "Lo":
                return None  # how it joins is unknown
            shaped.append(letter)
            continue
        before = index > 0 and _joins_next(letters[index - 1]) and "final" in forms[letter]
        after = _joins_next(letter) and _joins_previous(letters[index + 1 : index + 2])
        names: tuple[_Form, _Form] = ("final", "medial") if before else ("isolated", "initial")
        form = forms[letter].get(names[after])
        if form is None:
            return None
        # Fonts draw a letter's own code point in its isolated form
        shaped.append(letter if names[after] == "isolated" and len(letter) == 1 else form)
    return "".join(shaped)


def _joins_next(letter: str) -> bool:
    return (
        letter in _JOIN_CAUSING
        or letter == _NOON_GHUNNA
        or "initial" in arabic_forms().get(letter, ())
    )


def _joins_previous(letter: list[str]) -> bool:
    return any(each in _JOIN_CAUSING or "final" in arabic_forms().get(each, ()) for each in letter)


@functools.cache
def arabic_forms() -> dict[str, dict[_Form, str]]:
    """Returns the presentation forms of each letter, and of lam with each alef."""
    forms: dict[str, dict[_Form, str]] = {}
    for code in (*range(0xFB50, 0xFE00), *range(0xFE70, 0xFEFD)):
        tag, *parts = unicodedata.decomposition(chr(code)).split() or [""]
        letters = "".join(chr(int(part, 16)) for part in parts)
        if len(letters) == 1 or (len(letters) == 2 and letters[0] == _LAM and code >= 0xFEF5):
            name = cast("_Form", tag.strip("<>"))
            forms.setdefault(letters, {})[name] = chr(code)
    return forms


@functools.cache
def _hebrew_composites() -> dict[str, str]:
    """Returns the presentation form of each Hebrew letter with a mark."""
    decompositions = {
        chr(code): unicodedata.decomposition(chr(code)) for code in range(0xFB1D, 0xFB4F)
    }
    return {
        "".join(chr(int(part, 16)) for part in parts.split()): composite
        for composite, parts in decompositions.items()
        if parts and not parts.startswith("<")
    }
