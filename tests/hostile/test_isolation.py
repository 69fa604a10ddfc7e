"""An image never influences the result of another image."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.models.folder import LocalFolder
from modules.models.loader import Model, load_model
from tests.colour_model import picture, write_colour_model
from tests.hostile.builders import save
from tests.hostile.corpus import KINDS
from tests.hostile.outcomes import SETTINGS, outcome_of

ROOT = Path(__file__).parent.parent.parent
ODD = [
    "HTML",
    "JPEG cut at 7/8",
    "PNG with texts that inflate",
    "TIFF with huge tiles",
    "PNG with a damaged header",
    "interlaced PNG",
    "progressive JPEG",
    "CMYK JPEG",
    "JPEG with wrong restarts",
    "JPEG with values beyond the end in its EXIF",
    "TIFF of several pages",
    "fax TIFF",
    "run-length BMP",
    "animated WebP",
    "JPEG of 65500 x 1",
]


def _images() -> dict[str, bytes]:
    """Returns odd images, and ordinary ones that contain objects, by name."""
    rgb = PIL.Image.fromarray(picture(red=(2, 5), green=(6, 0))[..., ::-1].copy())
    plain = {name: save(rgb, name) for name in ("JPEG", "PNG", "WEBP", "TIFF", "BMP")}
    large = {"large": save(rgb.resize((900, 700)), "PNG")}
    return plain | large | {kind.name: kind.data for kind in KINDS if kind.name in ODD}


IMAGES = _images()
NAMES = st.sampled_from(sorted(IMAGES))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_colour_model(tmp_path_factory.mktemp("model") / "colours")


@pytest.fixture(scope="module")
def model(folder: Path) -> Model:
    return load_model(LocalFolder(folder), SETTINGS)


@pytest.fixture(scope="module")
def isolated(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The outcome of each image, from a process that handled only this image."""
    images = tmp_path_factory.mktemp("images")
    paths = [images / f"{number:02}" for number in range(len(IMAGES))]
    for path, data in zip(paths, IMAGES.values(), strict=True):
        path.write_bytes(data)
    command = [sys.executable, "-m", "tests.hostile.outcomes", str(folder), *map(str, paths)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    outcomes = dict(zip(IMAGES, run.stdout.splitlines(), strict=True))
    assert len(set(outcomes.values())) == len(IMAGES), "two equal outcomes could not be told apart"
    return outcomes


@settings(deadline=None)
@given(before=st.lists(NAMES, max_size=4), name=NAMES)
def test_an_image_has_the_same_result_after_any_other_images(
    before: list[str], name: str, model: Model, isolated: dict[str, str]
) -> None:
    for earlier in before:
        outcome_of(IMAGES[earlier], model)

    assert outcome_of(IMAGES[name], model) == isolated[name]


def test_images_have_the_same_results_in_parallel_threads(
    folder: Path, isolated: dict[str, str]
) -> None:
    def find_differences(seed: int) -> list[str]:
        model = load_model(LocalFolder(folder), SETTINGS)
        names = Random(seed).choices(sorted(IMAGES), k=100)
        return [name for name in names if outcome_of(IMAGES[name], model) != isolated[name]]

    with ThreadPoolExecutor(2) as threads:
        differences = list(threads.map(find_differences, range(2)))

    assert differences == [[], []]
