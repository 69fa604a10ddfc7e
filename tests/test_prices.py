"""What an image costs; the numbers are worked out by hand."""

import pytest

from benchmarks.prices import cpu_seconds, price


def test_a_million_images_cost_their_requests_and_their_memory_times_seconds() -> None:
    requests = 0.20 + 2 * 5.00 + 2 * 0.40  # Lambda's, two PUTs, a HEAD and a GET
    assert price(1024, 0) == pytest.approx(requests)
    assert price(1024, 1) == pytest.approx(requests + 16.6667)
    assert price(512, 1) == pytest.approx(requests + 16.6667 / 2)


def test_half_a_core_takes_twice_as_long() -> None:
    assert cpu_seconds(1769, 0.1, 0.06) == pytest.approx(0.1)
    assert cpu_seconds(1769 // 2, 0.1, 0.06) == pytest.approx(0.2, rel=0.01)


def test_between_one_core_and_two_the_speed_grows_with_the_share() -> None:
    assert cpu_seconds(2 * 1769, 0.1, 0.05) == pytest.approx(0.05)
    assert cpu_seconds(3 * 1769, 0.1, 0.05) == pytest.approx(0.05)  # two is all that was measured
    assert cpu_seconds(1769 * 3 // 2, 0.1, 0.05) == pytest.approx(1 / 15, rel=0.01)
