"""Principal components by the method that a table's shape calls for; start at `fit`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...errors import JobError
from .choice import Choice, Method, choose
from .covariance import decompose_covariance
from .decomposition import Decomposition, finish
from .fitted import PrincipalComponents
from .krylov import decompose_krylov
from .rows import decompose_rows
from .standardisation import Standardisation, is_constant, total_variance
from .table import FeatureTable


def _say_nothing(_: str) -> None:
    pass


def fit(
    table: FeatureTable,
    k: int,
    *,
    method: str = "auto",
    seed: int = 0,
    note: Callable[[str], None] = _say_nothing,
) -> PrincipalComponents:
    """The k leading principal components of a table's standardised columns.

    method: "rows", "covariance", "krylov", or "auto" for what suits the shape. seed: of krylov's
    random start; the others need none. note: is told, a line at a time, which method was taken and
    why, and what people should know of the result.

    Raises:
        JobError: k, the method or the table's shape do not go together, or the table has values
            that are not finite; the columns are named.
    """
    rows, columns = table.rows, len(table.columns)
    if rows < 2:
        raise JobError(f"Principal components need at least 2 rows; the table has {rows}")
    if not 1 <= k <= columns:
        raise JobError(
            f"k, the number of components, is from 1 to the number of columns, {columns:,}; it is"
            f" {k:,}"
        )
    choice = choose(rows, columns, k, method)
    note(choice.reason)
    found = _decompose(table, k, choice.method, seed)
    if found.remark:
        note(found.remark)
    constant = int(np.count_nonzero(is_constant(found.moments)))
    if constant:
        note(
            f"{constant:,} of {columns:,} columns are constant: they have no part in any component"
        )
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
    variances, components, rank = finish(found.variances, found.components, k)
    if rank < k:
        note(
            f"The table bears out {rank:,} of {k:,} components; the others have variance 0, and"
            " directions that only complete an orthonormal set"
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
