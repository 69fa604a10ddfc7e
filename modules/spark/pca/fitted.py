"""Fitted components, which can be stored and applied; see `PrincipalComponents`."""

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

# each array of a file: the kind of its dtype, and its number of dimensions
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

# the exceptions that np.load, and the zip reader that it uses, raise for damaged bytes
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
    """The k leading principal components of d standardised columns, as in scikit-learn's PCA.

    mean, scale: `(d,)` float64, of `Standardisation`. components: `(k, d)` float64, orthonormal
    rows. explained_variance: `(k,)` float64, descending, divided by rows - 1; exactly 0 for
    components beyond the table's rank. explained_variance_ratio: `(k,)` float64, the share in the
    variance of all d columns. rows: number of rows of the table. method, reason: the method and
    why it was chosen. passes: how often the table was read.
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
        """Number of columns of a row: d."""
        return len(self.mean)

    def transform(self, batch: Batch) -> NDArray[np.float64]:
        """Returns the scores `(m, k)` float64 of `(m, d)` rows on the components.

        A row with a value that is not finite has scores that are not finite.

        Raises:
            JobError: the rows have another number of columns.
        """
        if batch.ndim != 2 or batch.shape[1] != self.columns:
            raise JobError(
                f"These components need rows of shape (m, {self.columns}); the rows to transform"
                f" have the shape {batch.shape}"
            )
        scores = Standardisation(self.mean, self.scale).apply(batch)
        transformed: NDArray[np.float64] = scores @ self.components.T
        return transformed

    def to_bytes(self) -> bytes:
        """Returns NumPy's .npz with one array per field; equal components give equal bytes."""
        arrays = {name: np.asarray(getattr(self, name)) for name in _KINDS}
        stream = io.BytesIO()
        np.savez(stream, allow_pickle=False, **arrays)
        return stream.getvalue()

    @staticmethod
    def from_bytes(content: bytes) -> PrincipalComponents:
        """Reads what `to_bytes` has written.

        Raises:
            JobError: the bytes are something else, or are damaged.
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
    """Returns the arrays of an .npz by name, which are exactly those of `_KINDS`."""
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
    """Checks that the fields have valid values and that their shapes agree.

    Raises:
        JobError: a field does not fit; the message names it.
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
                f"{name} has the shape {array.shape}, but components of {(k, d)} need {shape}"
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
        f"These bytes are no principal components as `to_bytes` writes them: {what}. Fit them again"
    )
