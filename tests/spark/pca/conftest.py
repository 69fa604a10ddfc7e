from __future__ import annotations

from collections.abc import Iterator

import pytest
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]


@pytest.fixture(scope="session", autouse=True)
def one_blas_thread() -> Iterator[None]:
    """Limits BLAS to one thread: on small matrices, many are up to seven times slower."""
    with threadpool_limits(1, user_api="blas"):
        yield
