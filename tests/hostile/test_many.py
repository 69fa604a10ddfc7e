"""A folder of 2,000 odd pictures: the command gives each its result or the reason for none."""

import json
import time
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from tests.cli.command import command
from tests.hostile.corpus import KINDS
from tests.hostile.kinds import MAX_PIXELS

COUNT = 2000
MAX_BYTES = 20_000  # of a file; the large ones of the corpus are processed in test_corpus.py
MAX_SECONDS = 60  # it takes about 2 when nothing else runs


def damage(data: bytes, random: Random) -> bytes:
    """Cuts a file off, changes some of its bytes, or repeats a part of it."""
    at = random.randrange(len(data))
    kind = random.randrange(4)
    if kind == 0:
        return data[:at]
    if kind == 1:
        return data[:at] + random.randbytes(random.randint(1, 8)) + data[at + 1 :]
    if kind == 2:
        return data[:at] + bytes(random.randint(1, 64)) + data[at + 64 :]
    return data[:at] + data[at // 2 : at] + data[at:]


def make_pictures() -> dict[str, bytes]:
    """Makes every odd file of the corpus, then damaged ones, each with its name."""
    small = [kind for kind in KINDS if 0 < len(kind.data) <= MAX_BYTES]
    pictures = {f"whole/{number:04}.jpg": kind.data for number, kind in enumerate(small)}
    random = Random(20)
    while len(pictures) < COUNT:
        name = f"damaged/{len(pictures):04}.jpg"
        pictures[name] = damage(random.choice(small).data, random)
    return pictures


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("odd") / "pictures"
    for name, data in make_pictures().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def test_each_of_2000_odd_pictures_has_its_result_or_its_reason(
    folder: Path, colour_model: Path, tmp_path: Path
) -> None:
    start = time.monotonic()

    run = command(
        "detect",
        *("pictures", "--model", colour_model, "--json", "--output", tmp_path),
        folder=folder.parent,
        environment={"MAX_IMAGE_PIXELS": str(MAX_PIXELS)},
    )

    assert time.monotonic() - start < MAX_SECONDS
    assert run.returncode == 1, run.stderr[-2000:]
    assert "Traceback" not in run.stderr
    done = [json.loads(line)["image"]["key"] for line in run.stdout.splitlines()]
    failed = [line.partition(": ")[0] for line in run.stderr.splitlines() if ".jpg: " in line]
    expected = {str(path.relative_to(folder.parent)) for path in folder.rglob("*.jpg")}
    assert Counter(done + failed) == Counter(expected), "each picture exactly once"
    assert len(done) > 200
    assert len(failed) > 500
    documents = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.json")}
    assert len(documents) == len(done)


def test_a_whole_picture_of_the_corpus_has_the_outcome_that_the_corpus_states(
    folder: Path, colour_model: Path
) -> None:
    small = [kind for kind in KINDS if 0 < len(kind.data) <= MAX_BYTES]

    run = command(
        "detect",
        *("pictures/whole", "--model", colour_model, "--json"),
        folder=folder.parent,
        environment={"MAX_IMAGE_PIXELS": str(MAX_PIXELS)},
    )

    done = {json.loads(line)["image"]["key"] for line in run.stdout.splitlines()}
    wanted = {
        f"pictures/whole/{number:04}.jpg"
        for number, kind in enumerate(small)
        if kind.refusal is None
    }
    assert done == wanted
