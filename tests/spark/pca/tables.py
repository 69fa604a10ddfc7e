"""Arrays with known kinds of spectra."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def decaying(rows: int, columns: int, power: float = 0.75, seed: int = 1) -> NDArray[np.float64]:
    """Returns correlated columns: the std along random direction i is 1 / i ** power."""
    rng = np.random.default_rng(seed)
    rank = min(rows, columns)
    stds = np.arange(1, rank + 1) ** -power
    directions = np.linalg.qr(rng.standard_normal((columns, rank)))[0]
    values: NDArray[np.float64] = (rng.standard_normal((rows, rank)) * stds) @ directions.T
    return values
