from __future__ import annotations

from collections.abc import Iterator

import pytest
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]


@pytest.fixture(scope="session", autouse=True)
def one_blas_thread() -> Iterator[None]:
    """Matrices this small are slower on many threads, sevenfold where cores are shared."""
    with threadpool_limits(1, user_api="blas"):
        yield
