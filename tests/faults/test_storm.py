from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from modules.cli.local_aws.bucket import LocalBucket
from tests.colour_model import write_colour_model
from tests.faults.faults import Choose, Fault, Faults
from tests.faults.pictures import plan
from tests.faults.proxy import FaultyProxy
from tests.faults.storm import Storm, Tally

SEED = 7
DROPS = plan(60, SEED)


@contextmanager
def storm(folder: Path, choose: Choose, workers: int) -> Iterator[Storm]:
    model = write_colour_model(folder / "colours")
    with (
        LocalBucket("input/") as bucket,
        FaultyProxy(bucket.endpoint, choose, slow_seconds=0.1) as proxy,
        Storm(bucket, proxy, model, workers=workers) as prepared,
    ):
        yield prepared


@pytest.fixture(scope="module")
def tally(tmp_path_factory: pytest.TempPathFactory) -> Tally:
    with storm(tmp_path_factory.mktemp("storm"), Faults(0.3, SEED), workers=4) as prepared:
        return prepared.run(DROPS, SEED)


def test_every_image_ends_as_one_of_result_failure_and_dead_letter(tally: Tally) -> None:
    ends = [*tally.results, *tally.failures, *tally.letters]

    assert tally.missing == []
    assert sorted(ends) == sorted({drop.key for drop in DROPS})


def test_every_result_is_the_right_one_beside_its_own_image(tally: Tally) -> None:
    assert tally.wrong == []


def test_no_result_is_published_twice(tally: Tally) -> None:
    assert tally.twice == []


def test_after_a_redrive_every_image_has_its_result_or_its_failure(tally: Tally) -> None:
    assert tally.unmended == []


def test_there_was_a_storm(tally: Tally) -> None:
    assert sum(tally.injected.values()) == pytest.approx(0.3 * tally.requests, rel=0.25)
    assert len(tally.injected) >= 10
    assert sum(times for tries, times in tally.tries.items() if tries > 1) > 0


@pytest.mark.parametrize(
    ("method", "requests"),
    [("HEAD", 2), ("PUT", 1)],  # after a HEAD the SDK asks whether the bucket has moved elsewhere
)
def test_an_environment_whose_credentials_are_over_is_replaced(
    method: str, requests: int, tmp_path: Path
) -> None:
    left = [Fault.EXPIRED] * requests

    def choose(asked: str, path: str, number: int) -> Fault | None:
        return left.pop() if asked == method and left else None

    with storm(tmp_path, choose, workers=1) as prepared:
        tally = prepared.run(plan(2, SEED), SEED)

    assert tally.cold_starts == 2
    assert tally.tries[2] == 1
    assert (tally.missing, tally.wrong, tally.letters) == ([], [], [])


@pytest.mark.parametrize("fault", [Fault.ERROR_AFTER, Fault.RESET_AFTER])
def test_a_put_whose_answer_was_lost_is_known_as_our_own(fault: Fault, tmp_path: Path) -> None:
    def choose(method: str, path: str, number: int) -> Fault | None:
        return fault if method == "PUT" and number == 0 else None

    with storm(tmp_path, choose, workers=1) as prepared:
        tally = prepared.run(plan(4, SEED), SEED)

    assert tally.injected[fault] >= 4
    assert set(tally.tries) == {1}, "neither Lambda had to try again, nor was anything put again"
    assert (tally.missing, tally.wrong, tally.twice, tally.letters) == ([], [], [], [])
