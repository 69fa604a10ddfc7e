"""Every form that was read before is read the same way; see earlier_forms.py."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.object_detection.heads.earlier_forms import FORMS, read

RECORDED = json.loads(Path(__file__).with_name("earlier_forms.json").read_text())
_TOLERANCES = {"sum": 0.05, "first": 0.05}  # of confidences and pixels: engines' versions differ


@pytest.mark.parametrize("name", FORMS)
def test_an_earlier_form_is_read_as_it_was(name: str) -> None:
    expected = RECORDED[name]

    found = read(FORMS[name])

    for key, tolerance in _TOLERANCES.items():
        np.testing.assert_allclose(found.pop(key), expected.pop(key), atol=tolerance)
    assert found == expected


def test_every_form_was_recorded_and_nearly_all_find_something() -> None:
    empty = [name for name, form in RECORDED.items() if not form["count"]]

    assert RECORDED.keys() == FORMS.keys()
    assert empty == ["an empty list", "an empty list, as many rows as cells"]
