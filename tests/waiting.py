"""Waits for what becomes true later, on a machine that may be slow."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

PATIENCE = 120.0  # seconds; a test that waits for so long fails


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Looks again and again until a condition holds; fails the test if it never does."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"not within {PATIENCE:g} s: {what}")
        time.sleep(0.02)
