"""Fitted components become bytes and are read from them; other bytes are refused."""

from __future__ import annotations

import io
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from modules.errors import JobError
from modules.spark.pca import PrincipalComponents, fit
from tests.spark.pca.memory_table import MemoryTable
from tests.spark.pca.tables import decaying

VALUES = 3 + decaying(50, 6)


@pytest.fixture(scope="module")
def fitted() -> PrincipalComponents:
    return fit(MemoryTable(VALUES), 2)


def test_scores_are_standardised_rows_along_the_components(fitted: PrincipalComponents) -> None:
    scores = fitted.transform(VALUES)

    expected = StandardScaler().fit_transform(VALUES) @ fitted.components.T
    np.testing.assert_allclose(scores, expected, atol=1e-12)
    np.testing.assert_allclose(scores.var(axis=0, ddof=1), fitted.explained_variance)


def test_float32_rows_have_scores_of_double_precision(fitted: PrincipalComponents) -> None:
    values = VALUES.astype(np.float32)

    scores = fitted.transform(values)

    assert scores.dtype == np.float64
    np.testing.assert_array_equal(scores, fitted.transform(values.astype(np.float64)))
    assert fitted.transform(values[:0]).shape == (0, 2)


def test_rows_of_another_width_have_no_scores(fitted: PrincipalComponents) -> None:
    with pytest.raises(JobError, match=r"need rows of shape \(m, 6\); .* have the shape \(50, 5\)"):
        fitted.transform(VALUES[:, :5])


def test_components_read_from_their_bytes_are_equal(fitted: PrincipalComponents) -> None:
    again = PrincipalComponents.from_bytes(fitted.to_bytes())

    for field in fields(PrincipalComponents):
        np.testing.assert_array_equal(getattr(again, field.name), getattr(fitted, field.name))
    assert again.columns == 6
    assert again.to_bytes() == fitted.to_bytes()


@pytest.mark.parametrize("stride", [-1, 11])
def test_damaged_bytes_are_refused_or_harmless(fitted: PrincipalComponents, stride: int) -> None:
    content = fitted.to_bytes()
    if stride < 0:
        damaged = [content[:length] for length in range(0, len(content), 37)]
    else:
        damaged = [
            content[:place] + bytes([content[place] ^ 0x41]) + content[place + 1 :]
            for place in range(0, len(content), stride)
        ]
    refused = 0
    for candidate in damaged:
        try:
            again = PrincipalComponents.from_bytes(candidate)
        except JobError:
            refused += 1
        else:  # the damage is in the zip's own records, such as a date
            assert again.to_bytes() == content
    assert refused > len(damaged) / 2


def array_bytes() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.zeros(3))
    return stream.getvalue()


def archive_bytes(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "No data left in file"),
        (b"PK\x03\x04", "not a zip file"),
        (b"components", "allow_pickle"),
        (array_bytes(), "they hold a single array"),
        (archive_bytes(), "they hold nothing"),
        (archive_bytes(mean=np.zeros(3)), "they hold mean"),
        (archive_bytes(mean=np.array([None])), "allow_pickle"),
    ],
)
def test_bytes_of_other_kinds_are_refused(content: bytes, what: str) -> None:
    with pytest.raises(JobError, match=f"no principal components .*{what}"):
        PrincipalComponents.from_bytes(content)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        (
            {"mean": np.zeros(5)},
            r"mean has the shape \(5,\), but components of \(2, 6\) need \(6,\)",
        ),
        ({"scale": np.zeros(6)}, "scale has values that are not above 0"),
        ({"scale": np.ones(6, np.float32)}, "scale has values that are not finite float64"),
        ({"mean": np.full(6, np.nan)}, "mean has values that are not finite"),
        ({"components": np.zeros(6)}, "components is float64 with 1 dimensions"),
        ({"components": np.zeros((2, 6), int)}, "components is int64 with 2 dimensions"),
        ({"explained_variance": -np.ones(2)}, "explained_variance has values below 0"),
        (
            {"explained_variance_ratio": np.ones(3)},
            r"explained_variance_ratio has the shape \(3,\)",
        ),
        ({"method": "guess"}, "method is 'guess'"),
        ({"rows": 3.5}, "rows is float64 with 0 dimensions"),
    ],
)
def test_fields_that_do_not_fit_are_refused(
    fitted: PrincipalComponents, changes: dict[str, Any], what: str
) -> None:
    content = replace(fitted, **changes).to_bytes()

    with pytest.raises(JobError, match=what):
        PrincipalComponents.from_bytes(content)
