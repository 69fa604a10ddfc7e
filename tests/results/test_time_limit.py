from __future__ import annotations

import pytest

from modules.errors import ImageError, OutOfTimeError
from modules.object_detection.slicing import Progress, Slicing
from modules.results.time_limit import TimeLimit

SIZE = (6000, 4000)
SLICING = Slicing(640, 0.2)  # 12 x 8 slices
PROGRESS = Progress(slices=96, passes_left=90, seconds_a_pass=0.5)


def test_passes_that_end_in_time_are_allowed() -> None:
    TimeLimit(lambda: 50.0, is_first=True).require(PROGRESS, SLICING, SIZE, reserve=5.0)


def test_passes_that_cannot_end_in_time_are_refused_with_the_figures_and_a_side_that_can() -> None:
    limit = TimeLimit(lambda: 20.0, is_first=True)

    with pytest.raises(ImageError) as error:
        limit.require(PROGRESS, SLICING, SIZE, reserve=5.0)

    assert str(error.value) == (
        "6000 x 4000 pixels have 96 slices with SLICE=640; 90 are left, each takes "
        "0.5 s, and there are 15 s for them: SLICE=1088, a longer time-out or more memory is right"
    )
    assert Slicing(1088, 0.2).count(*SIZE) <= 36 < Slicing(1024, 0.2).count(*SIZE)


def test_an_image_that_follows_others_is_tried_again() -> None:
    limit = TimeLimit(lambda: -1.0, is_first=False)

    with pytest.raises(OutOfTimeError, match=r"there are 0 s for them: images before it took"):
        limit.require(PROGRESS, SLICING, SIZE, reserve=5.0)
