"""The font for joined Arabic letters is what its script makes of OpenCV's font."""

import io

from fontTools.pens.recordingPen import RecordingPen
from fontTools.ttLib import TTFont

from layers.opencv.arabic_font import arabic_font, sans_font
from modules.object_detection.label_text import arabic_forms
from tests.conftest import ROOT

FONT = (ROOT / "modules" / "object_detection" / "arabic.ttf").read_bytes()


def outline(font: TTFont, code: int) -> list[object]:
    pen = RecordingPen()
    font.getGlyphSet()[font.getBestCmap()[code]].draw(pen)
    return list(pen.value)


def test_the_font_is_made_from_opencvs_own() -> None:
    made, stored = TTFont(io.BytesIO(arabic_font(sans_font()))), TTFont(io.BytesIO(FONT))

    assert made.getBestCmap().keys() == stored.getBestCmap().keys()
    for code in stored.getBestCmap():
        assert outline(made, code) == outline(stored, code)


def test_with_opencvs_font_it_has_every_form_of_the_letters_of_arabic_and_persian() -> None:
    codes = TTFont(io.BytesIO(FONT)).getBestCmap().keys()
    codes |= TTFont(io.BytesIO(sans_font())).getBestCmap().keys()
    alphabet = "ءآأؤإئابةتثجحخدذرزسشصضطظعغفقكلمنهوىيپچژکگی"
    # An isolated form is drawn by the letter itself; the two of alef maksura belong to Uyghur
    forms = {
        ord(letter if name == "isolated" else form)
        for letter in alphabet
        for name, form in arabic_forms()[letter].items()
    } - {0xFBE8, 0xFBE9}

    assert forms <= codes


def test_it_names_its_authors_and_its_licence() -> None:
    names = {record.nameID: record.toUnicode() for record in TTFont(io.BytesIO(FONT))["name"].names}

    assert "The Rubik Project Authors" in names[0]
    assert "SIL Open Font License, Version 1.1" in names[13]
