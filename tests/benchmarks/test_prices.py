"""The price of an image, against numbers that were calculated by hand."""

import pytest

from benchmarks.function.prices import price


def test_a_million_images_cost_their_requests_and_memory_times_seconds() -> None:
    requests = 0.20 + 2 * 5.00 + 2 * 0.40  # Lambda's, two PUTs, a HEAD and a GET
    assert price(1024, 0) == pytest.approx(requests)
    assert price(1024, 1) == pytest.approx(requests + 16.6667)
    assert price(512, 1) == pytest.approx(requests + 16.6667 / 2)


def test_a_document_alone_costs_one_put_and_one_head_instead_of_two_puts() -> None:
    requests = 0.20 + 5.00 + 3 * 0.40
    assert price(1024, 0, is_drawn=False) == pytest.approx(requests)
    assert price(2048, 0.5, is_drawn=False) == pytest.approx(requests + 16.6667)
