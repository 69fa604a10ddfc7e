"""Finds principal components by the method that suits a table's shape; start at `fit`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...errors import JobError
from .choice import Choice, Method, choose
from .covariance import decompose_covariance
from .decomposition import Decomposition, finish_components
from .fitted import PrincipalComponents
from .krylov import decompose_krylov
from .rows import decompose_rows
from .standardisation import Standardisation, is_constant, total_variance
from .table import FeatureTable


def _ignore(_: str) -> None:
    pass


def fit(
    table: FeatureTable,
    k: int,
    *,
    method: str = "auto",
    seed: int = 0,
    note: Callable[[str], None] = _ignore,
) -> PrincipalComponents:
    """Returns the k leading principal components of a table's standardised columns.

    Args:
        table: at least two rows of finite numbers.
        k: number of components, from 1 to the number of columns.
        method: "rows", "covariance", "krylov", or "auto" to choose by the table's shape.
        seed: for krylov's random start; the other methods need none.
        note: is called with one line of text at a time: the method with its reason, and remarks
            on the result.

    Raises:
        JobError: k or the method does not fit the table's shape, or the table has values that are
            not finite; the message names the columns.
    """
    rows, columns = table.rows, len(table.columns)
    if rows < 2:
        raise JobError(f"Principal components need at least 2 rows; the table has {rows}")
    if not 1 <= k <= columns:
        raise JobError(
            f"k, the number of components, must be from 1 to the number of columns, {columns:,};"
            f" it is {k:,}"
        )
    choice = choose(rows, columns, k, method)
    note(choice.reason)
    found = _decompose(table, k, choice.method, seed)
    if found.remark:
        note(found.remark)
    constant = int(np.count_nonzero(is_constant(found.moments)))
    if constant:
        note(f"{constant:,} of {columns:,} columns are constant: no component depends on them")
    return _principal_components(found, k, choice, note)


def _decompose(table: FeatureTable, k: int, method: Method, seed: int) -> Decomposition:
    if method == "rows":
        return decompose_rows(table)
    if method == "covariance":
        return decompose_covariance(table)
    return decompose_krylov(table, k, seed)


def _principal_components(
    found: Decomposition, k: int, choice: Choice, note: Callable[[str], None]
) -> PrincipalComponents:
    variances, components, rank = finish_components(found.variances, found.components, k)
    if rank < k:
        note(
            f"The table has variance along {rank:,} of {k:,} components; the others have variance"
            " 0, and directions that only complete an orthonormal set"
        )
    total = total_variance(found.moments)
    standardisation = Standardisation.of(found.moments)
    return PrincipalComponents(
        mean=standardisation.mean,
        scale=standardisation.scale,
        components=components,
        explained_variance=variances,
        explained_variance_ratio=variances / total if total else np.zeros(k),
        rows=found.moments.rows,
        method=choice.method,
        reason=choice.reason,
        passes=found.passes,
    )
