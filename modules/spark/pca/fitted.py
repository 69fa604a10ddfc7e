"""A fitted analysis as a value that can be kept and applied; see `PrincipalComponents`."""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import dataclass
from typing import Any, cast, get_args

import numpy as np
from numpy.typing import NDArray

from ...errors import JobError
from .choice import FoundBy
from .standardisation import Standardisation
from .table import Batch

# what each array of a file is: its kind of number, and its dimensions
_KINDS = {
    "mean": ("f", 1),
    "scale": ("f", 1),
    "components": ("f", 2),
    "explained_variance": ("f", 1),
    "explained_variance_ratio": ("f", 1),
    "rows": ("i", 0),
    "method": ("U", 0),
    "reason": ("U", 0),
    "passes": ("i", 0),
}

# what np.load and the zip reader below it let through for damaged bytes
_UNREADABLE = (
    ValueError,
    OSError,
    EOFError,
    KeyError,
    NotImplementedError,
    RuntimeError,
    MemoryError,
    SyntaxError,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True, eq=False)
class PrincipalComponents:
    """The k leading principal components of d standardised columns, as scikit-learn has them.

    mean, scale: `(d,)` float64, of `Standardisation`. components: `(k, d)` float64, orthonormal
    rows. explained_variance: `(k,)` float64, descending, divided by rows - 1; exactly 0 for
    components beyond the table's rank. explained_variance_ratio: `(k,)`, its share of the variance
    of all d columns. rows: of the table. method, reason: how they were found, and why so. passes:
    how often the table was read.
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    components: NDArray[np.float64]
    explained_variance: NDArray[np.float64]
    explained_variance_ratio: NDArray[np.float64]
    rows: int
    method: FoundBy
    reason: str
    passes: int

    @property
    def columns(self) -> int:
        """How many columns a row has: d."""
        return len(self.mean)

    def transform(self, batch: Batch) -> NDArray[np.float64]:
        """Scores of rows on the components: `(m, d)` numbers in, `(m, k)` float64 out.

        A row with a value that is not finite has scores that are not.

        Raises:
            JobError: the rows have another number of columns.
        """
        if batch.ndim != 2 or batch.shape[1] != self.columns:
            raise JobError(
                f"These components are of {self.columns:,} columns, (m, {self.columns}); the rows"
                f" to transform are {batch.shape}"
            )
        scores = Standardisation(self.mean, self.scale).apply(batch)
        transformed: NDArray[np.float64] = scores @ self.components.T
        return transformed

    def to_bytes(self) -> bytes:
        """NumPy's .npz with one array a field; equal components give equal bytes."""
        arrays = {name: np.asarray(getattr(self, name)) for name in _KINDS}
        stream = io.BytesIO()
        np.savez(stream, allow_pickle=False, **arrays)
        return stream.getvalue()

    @staticmethod
    def from_bytes(content: bytes) -> PrincipalComponents:
        """What `to_bytes` made.

        Raises:
            JobError: the bytes are something else, or damaged.
        """
        arrays = _read_arrays(content)
        for name, (kind, dimensions) in _KINDS.items():
            array = arrays[name]
            if array.dtype.kind != kind or array.ndim != dimensions:
                raise _not_components(f"{name} is {array.dtype} with {array.ndim} dimensions")
        fitted = PrincipalComponents(
            mean=arrays["mean"],
            scale=arrays["scale"],
            components=arrays["components"],
            explained_variance=arrays["explained_variance"],
            explained_variance_ratio=arrays["explained_variance_ratio"],
            rows=int(arrays["rows"]),
            method=_known_method(str(arrays["method"])),
            reason=str(arrays["reason"]),
            passes=int(arrays["passes"]),
        )
        _check(fitted)
        return fitted


def _read_arrays(content: bytes) -> dict[str, NDArray[Any]]:
    """The arrays of an .npz by name, those of `_KINDS` and no others."""
    try:
        loaded = np.load(io.BytesIO(content), allow_pickle=False)
        if not isinstance(loaded, np.lib.npyio.NpzFile):
            raise _not_components("they hold a single array")
        arrays = {name: loaded[name] for name in loaded.files}
    except _UNREADABLE as error:
        raise _not_components(str(error) or type(error).__name__) from error
    if arrays.keys() != _KINDS.keys():
        raise _not_components(f"they hold {', '.join(sorted(arrays)) or 'nothing'}")
    return arrays


def _check(fitted: PrincipalComponents) -> None:
    """Holds the fields to one another.

    Raises:
        JobError: naming the first that does not fit.
    """
    k, d = fitted.components.shape
    for name, shape in {
        "mean": (d,),
        "scale": (d,),
        "components": (k, d),
        "explained_variance": (k,),
        "explained_variance_ratio": (k,),
    }.items():
        array = getattr(fitted, name)
        if array.shape != shape:
            raise _not_components(
                f"{name} is {array.shape}, where components of {(k, d)} need {shape}"
            )
        if array.dtype != np.float64 or not np.isfinite(array).all():
            raise _not_components(f"{name} has values that are not finite float64 numbers")
    if not (fitted.scale > 0).all():
        raise _not_components("scale has values that are not above 0")
    if (fitted.explained_variance < 0).any():
        raise _not_components("explained_variance has values below 0")


def _known_method(name: str) -> FoundBy:
    for method in get_args(FoundBy):
        if name == method:
            return cast(FoundBy, method)
    raise _not_components(f"method is {name!r}")


def _not_components(what: str) -> JobError:
    return JobError(
        f"These bytes are no principal components as `to_bytes` writes them: {what}. Fit them anew"
    )
