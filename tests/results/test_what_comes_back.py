"""What docs/results.md promises about the formats of annotated images."""

import re

import numpy as np
import pytest

from modules.errors import ImageError
from modules.object_detection.images import FORMATS, encode_image
from modules.object_detection.images.registry import ANNOTATED_SUFFIXES, find_format
from tests.conftest import ROOT


def documented() -> dict[str, str]:
    """Returns the suffix of the annotated image by format, as the documentation's table has it."""
    text = (ROOT / "docs" / "results.md").read_text()
    section = text.split("## What comes back")[1].split("\n## ")[0]
    rows = re.findall(r"^\| ([A-Z0-9, ]+) \| `output/K(\S*)`,", section, re.MULTILINE)
    return {name.lower(): suffix for names, suffix in rows for name in names.split(", ")}


def test_the_documented_table_is_that_of_the_registry() -> None:
    assert documented() == {name: each.annotated_suffix for name, each in FORMATS.items()}


def test_an_annotated_image_is_a_file_of_its_own_format_or_a_jpeg_with_the_suffix_of_one() -> None:
    assert ANNOTATED_SUFFIXES == ("", ".jpg")
    for name, each in FORMATS.items():
        written = find_format(encode_image(np.zeros((8, 8, 3), np.uint8), name))
        assert written.name == ("jpeg" if each.annotated_suffix else name)
        assert written.media_type == each.media_type


@pytest.mark.parametrize("name", ["gif", "jpeg"])
def test_a_picture_that_is_too_large_for_jpeg_is_refused_with_the_name_of_that_format(
    name: str,
) -> None:
    with pytest.raises(ImageError, match=r"65501 x 1 pixels cannot be encoded as JPEG"):
        encode_image(np.zeros((1, 65501, 3), np.uint8), name)
