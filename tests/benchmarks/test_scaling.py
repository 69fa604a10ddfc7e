"""The simulation behind docs/scaling.md agrees with queueing theory."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.scaling import __main__ as scaling
from benchmarks.scaling import load
from benchmarks.scaling.__main__ import read_times
from benchmarks.scaling.inputs import Durations, Function, Quotas, burst, steady
from benchmarks.scaling.load import carry, drain, partitions_for
from benchmarks.scaling.outcome import Outcome
from benchmarks.scaling.plot import draw
from benchmarks.scaling.simulation import simulate
from benchmarks.scaling.tables import tabulate_bursts, tabulate_carried
from tests.conftest import ROOT

_AT_ONCE = Durations(0.0)
_UNLIMITED = 1e9
_FIXED = Function(Durations(0.06), Durations(1.2), notification=_AT_ONCE)


def unlimited(concurrency: int) -> Quotas:
    """Returns quotas that only limit the concurrency: a plain queue with so many servers."""
    return Quotas(
        concurrency, environments_a_second=_UNLIMITED, environments_at_once=10**9,
        partitions=10**6, read_ahead=0.0,
    )  # fmt: skip


def erlang_c(load: float, servers: int) -> float:
    """Returns the probability of waiting, for Poisson arrivals with the work of `load` servers."""
    blocked = 1.0  # Erlang B, by recursion
    for number in range(1, servers + 1):
        blocked = load * blocked / (number + load * blocked)
    return blocked / (1 - load / servers * (1 - blocked))


def waits(outcome: Outcome, mean: float) -> float:
    """Returns the mean time from upload to the start of the invocation."""
    return float(outcome.latencies.mean()) - mean


@pytest.mark.parametrize(("servers", "share"), [(1, 0.6), (5, 0.7), (20, 0.85)])
def test_waiting_times_agree_with_erlang_c(servers: int, share: float) -> None:
    service = Durations(0.1, shape="exponential")
    rate = share * servers / service.mean
    function = Function(service, _AT_ONCE, notification=_AT_ONCE)

    outcome = simulate(
        steady(rate, 40_000 / rate, 1), function, unlimited(servers),
        seed=2, warm_environments=servers,
    )  # fmt: skip

    load = rate * service.mean
    expected = erlang_c(load, servers) * service.mean / (servers - load)
    assert waits(outcome, service.mean) == pytest.approx(expected, rel=0.1)


def test_erlang_c_agrees_with_textbook_values() -> None:
    assert erlang_c(0.5, 1) == pytest.approx(0.5)  # with one server, the load
    assert erlang_c(2, 3) == pytest.approx(4 / 9)
    assert erlang_c(8, 10) == pytest.approx(0.409, abs=5e-4)


@pytest.mark.parametrize("sigma", [0.0, 0.5])
def test_waiting_times_of_one_environment_agree_with_pollaczek_and_khinchine(sigma: float) -> None:
    service = Durations(0.06, sigma)
    rate = 0.6 / service.mean
    function = Function(service, _AT_ONCE, notification=_AT_ONCE)

    outcome = simulate(
        steady(rate, 40_000 / rate, 3), function, unlimited(1), seed=4, warm_environments=1
    )

    squares = service.mean**2 * math.exp(sigma**2)
    assert waits(outcome, service.mean) == pytest.approx(rate * squares / (2 * 0.4), rel=0.1)


def test_littles_law_holds() -> None:
    """Images in the system = their rate x their mean time, with and without throttling."""
    for quotas in (Quotas(50), Quotas(50, read_ahead=0), Quotas(400, writes=500)):
        outcome = simulate(steady(700, 40, 5), Function(), quotas, seed=6)

        assert not outcome.lost.any()
        within = float((outcome.done - outcome.queued).mean())
        rate = outcome.served / outcome.seconds
        assert outcome.in_system == pytest.approx(rate * within, rel=1e-6)
        assert outcome.in_system > 1


def test_without_a_queue_an_image_takes_its_service_time() -> None:
    outcome = simulate(steady(2, 500, 7), _FIXED, Quotas(100), seed=8, warm_environments=100)

    np.testing.assert_allclose(outcome.latencies, 0.06, rtol=1e-9)
    assert outcome.throttles == outcome.cold_starts == outcome.slow_downs == 0


def test_the_first_image_of_an_environment_waits_for_it() -> None:
    outcome = simulate(np.array([0.0, 10.0]), _FIXED, Quotas(1), seed=0)

    np.testing.assert_allclose(outcome.latencies, [1.26, 0.06])


def test_an_environment_that_is_unused_for_long_is_removed() -> None:
    """Rare images start cold with the probability exp(-rate x time kept)."""
    rate, kept = 0.02, 30.0
    function = Function(Durations(0.001), _AT_ONCE, notification=_AT_ONCE, keep_warm=kept)

    outcome = simulate(steady(rate, 10_000 / rate, 9), function, Quotas(), seed=10)

    share = outcome.cold_starts / outcome.served
    assert share == pytest.approx(math.exp(-rate * kept), rel=0.05)


@pytest.mark.parametrize("partitions", [1, 10])
@pytest.mark.parametrize("concurrency", [1, 30, 1000])
def test_each_image_is_served_once_within_the_concurrency_limit(
    concurrency: int, partitions: int
) -> None:
    quotas = Quotas(concurrency, partitions=partitions)

    outcome = simulate(burst(3_000), Function(), quotas, seed=11)

    assert outcome.served == 3_000
    assert (outcome.tries == 1).all()
    assert outcome.most_running == concurrency
    assert outcome.throttles > 0


def test_every_image_is_served_or_becomes_a_dead_letter_whatever_fails() -> None:
    function = Function(error_share=0.4)

    outcome = simulate(burst(20_000), function, Quotas(200), seed=12)

    assert (np.isfinite(outcome.done) ^ outcome.lost).all()
    assert outcome.lost.mean() == pytest.approx(0.4**3, rel=0.1)
    assert set(outcome.tries[outcome.lost]) == {3}
    assert outcome.errors == (outcome.tries - 1).sum() + outcome.lost.sum()


def test_a_failed_event_is_retried_after_one_and_after_two_minutes() -> None:
    """If half of the invocations fail, latencies cluster at 0, 60 and 60 + 120 seconds."""
    outcome = simulate(
        burst(1_000), Function(_FIXED.warm, _AT_ONCE, _AT_ONCE, error_share=0.5), Quotas(), seed=13
    )

    assert set(np.round(outcome.latencies / 60).astype(int)) == {0, 1, 3}
    assert outcome.latencies.min() == pytest.approx(0.06)


def test_a_throttled_event_waits_longer_each_time_and_is_dropped_after_six_hours() -> None:
    minutes = Function(Durations(1200.0), _AT_ONCE, notification=_AT_ONCE)

    outcome = simulate(burst(25), minutes, Quotas(1), seed=14)

    assert outcome.served + outcome.lost.sum() == 25
    assert outcome.served == 19  # one every 20 minutes; the last one starts within the 6 hours
    # 1, 2, 4, … seconds, then every five minutes
    assert 6 * 12 < outcome.throttles < 2 * (9 + 6 * 12)


def test_a_thousand_environments_start_at_once_and_then_a_hundred_per_second() -> None:
    minute = Function(Durations(60.0), _AT_ONCE, notification=_AT_ONCE)

    outcome = simulate(burst(50_000), minute, Quotas(10_000), seed=15, until=40.0)

    assert outcome.cold_starts == outcome.most_running
    assert 4_500 < outcome.most_running <= 1_000 + 40 * 100


def test_requests_stay_within_s3s_quota_and_refused_ones_are_retried() -> None:
    outcome = simulate(burst(20_000), Function(), Quotas(1_000), seed=16, warm_environments=1_000)

    assert outcome.slow_downs > 0
    assert not outcome.lost.any()
    assert outcome.rate(3, 10) <= 3_500 / 2 * 1.01
    assert (
        outcome.writes <= 2 * 3_500
    )  # the quota of a second, and the unused one of the second before


def test_equal_seeds_give_equal_results() -> None:
    def run(seed: int) -> Outcome:
        return simulate(steady(300, 20, seed), Function(error_share=0.1), Quotas(30), seed=seed)

    one, same, other = run(1), run(1), run(2)

    np.testing.assert_array_equal(one.done, same.done)
    np.testing.assert_array_equal(one.backlog, same.backlog)
    assert one.throttles == same.throttles
    assert one.percentiles() != other.percentiles()


def test_the_highest_rate_is_limited_by_the_environments_or_by_s3() -> None:
    function = Function()

    hundred = carry(function, 50, partitions_for(function, 50), seed=17)

    assert partitions_for(function, 1_000) == 7  # 11,270 images/s x 2 PUT / 3,500, and 5 % more
    assert hundred.most == pytest.approx(50 / function.warm.mean, rel=0.02)
    assert hundred.failing == 0


def test_a_simulation_without_images() -> None:
    outcome = simulate(burst(0), Function(), Quotas(), seed=0)

    assert outcome.served == outcome.cold_starts == 0
    assert math.isnan(outcome.drained)


def test_tables_have_a_row_for_each_case(tmp_path: Path) -> None:
    function = Function()
    carried = [carry(function, 1, partitions, seed=0) for partitions in (1, 2)]
    bursts = [(concurrency, 1, drain(function, concurrency, 1, 500, 0)) for concurrency in (1, 10)]

    for table in (tabulate_carried(carried), tabulate_bursts(bursts)):
        head, rule, *rows = table.splitlines()
        assert len(rows) == 2
        assert {line.count("|") for line in (head, rule, *rows)} == {head.count("|")}
    assert f"| {carried[0].most:.1f} |" in tabulate_carried(carried)

    pytest.importorskip("matplotlib")
    draw(carried, bursts, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_measured_times_are_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(json.dumps({"warm_ms": 71.5, "more": []}))

    assert read_times(path) == {"warm_ms": 71.5}

    path.write_text("{}")
    with pytest.raises(ValueError, match="no warm_ms or cold_ms"):
        read_times(path)
    path.write_text('{"cold_ms": -1}')
    with pytest.raises(ValueError, match="must be above 0"):
        read_times(path)


def test_the_command_prints_both_tables(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(scaling, "_CONCURRENCIES", (1, 200))
    monkeypatch.setattr(scaling, "_BURSTS", (100, 1_000))
    monkeypatch.setattr(load, "_MAX_STEADY_IMAGES", 5_000)
    monkeypatch.setattr(sys, "argv", ["scaling", "--warm", "120", "--seed", "3"])

    assert scaling.main() == 0

    printed = capsys.readouterr()
    assert printed.out.startswith("An image takes 120 ms (median), 1200 ms more")
    assert printed.out.count("\n| ") == 2 + 2 + 2 + 2 * 2  # heads and rules; steady; bursts
    assert "a burst of 1,000: concurrency 200" in printed.err


@pytest.mark.parametrize("wrong", [["--warm", "0"], ["--cold", "soon"], ["--results", "none.json"]])
def test_an_unusable_argument_is_named(wrong: list[str]) -> None:
    command = [sys.executable, "-m", "benchmarks.scaling", *wrong]

    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert run.returncode == 2
    assert wrong[1] in run.stderr
    assert "Traceback" not in run.stderr
