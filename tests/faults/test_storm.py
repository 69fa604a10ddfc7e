from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from modules.cli.local_aws.bucket import LocalBucket
from modules.settings import Settings
from tests.colour_model import write_colour_model
from tests.faults.faults import Choose, Fault, Faults
from tests.faults.pictures import plan
from tests.faults.proxy import FaultyProxy
from tests.faults.storm import Storm, Tally

SEED = 7
DROPS = plan(60, SEED)


@contextmanager
def storm(folder: Path, choose: Choose, workers: int, draw: str = Settings.draw) -> Iterator[Storm]:
    model = write_colour_model(folder / "colours")
    with (
        LocalBucket("input/") as bucket,
        FaultyProxy(bucket.endpoint, choose, slow_seconds=0.1) as proxy,
        Storm(bucket, proxy, model, workers=workers, draw=draw) as prepared,
    ):
        yield prepared


@pytest.fixture(scope="module")
def tally(tmp_path_factory: pytest.TempPathFactory) -> Tally:
    with storm(tmp_path_factory.mktemp("storm"), Faults(0.3, SEED), workers=4) as prepared:
        return prepared.run(DROPS, SEED)


def test_every_image_ends_as_a_result_a_failure_or_a_dead_letter(tally: Tally) -> None:
    ends = [*tally.results, *tally.failures, *tally.dead_letters]

    assert tally.missing == []
    assert sorted(ends) == sorted({drop.key for drop in DROPS})


def test_every_result_is_correct_and_has_its_own_annotated_image(tally: Tally) -> None:
    assert tally.wrong == []


def test_no_result_is_published_twice(tally: Tally) -> None:
    assert tally.published_twice == []


def test_after_a_redrive_every_image_has_its_result_or_its_failure(tally: Tally) -> None:
    assert tally.unrepaired == []


def test_the_storm_had_as_many_faults_as_requested(tally: Tally) -> None:
    assert sum(tally.injected.values()) == pytest.approx(0.3 * tally.requests, rel=0.25)
    assert len(tally.injected) >= 10
    assert sum(times for tries, times in tally.tries.items() if tries > 1) > 0


@pytest.mark.parametrize(
    ("method", "requests"),
    # After a failed HEAD the SDK is asked, too, which asks for the bucket's region
    [("HEAD", 3), ("PUT", 1)],
)
def test_an_environment_with_expired_credentials_is_replaced(
    method: str, requests: int, tmp_path: Path
) -> None:
    left = [Fault.EXPIRED] * requests

    def choose(asked: str, path: str, number: int) -> Fault | None:
        return left.pop() if asked == method and left else None

    with storm(tmp_path, choose, workers=1) as prepared:
        tally = prepared.run(plan(2, SEED), SEED)

    assert tally.cold_starts == 2
    assert tally.tries[2] == 1
    assert (tally.missing, tally.wrong, tally.dead_letters) == ([], [], [])


@pytest.mark.parametrize("fault", [Fault.ERROR_AFTER, Fault.RESET_AFTER])
def test_a_put_whose_answer_was_lost_is_not_repeated(fault: Fault, tmp_path: Path) -> None:
    def choose(method: str, path: str, number: int) -> Fault | None:
        return fault if method == "PUT" and number == 0 else None

    with storm(tmp_path, choose, workers=1) as prepared:
        tally = prepared.run(plan(4, SEED), SEED)

    assert tally.injected[fault] >= 4
    assert set(tally.tries) == {1}, "Lambda must not retry any event"
    assert (tally.missing, tally.wrong, tally.published_twice, tally.dead_letters) == (
        [],
        [],
        [],
        [],
    )


def test_every_document_alone_is_right_however_many_requests_fail(tmp_path: Path) -> None:
    drops = plan(25, SEED)
    with storm(tmp_path, Faults(0.3, SEED), workers=4, draw="none") as prepared:
        tally = prepared.run(drops, SEED)

    ends = [*tally.results, *tally.failures, *tally.dead_letters]
    assert sorted(ends) == sorted({drop.key for drop in drops})
    assert (tally.missing, tally.wrong, tally.published_twice, tally.unrepaired) == ([], [], [], [])
