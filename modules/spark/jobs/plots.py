"""Draws the plots of `reduce`, as PNG."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

if TYPE_CHECKING:
    from pyspark.sql import Row

    from ..pca import PrincipalComponents

_DPI = 110
_MAX_LABELS = 40  # in the legend: the labels with the most images
_MARKERS = "os^Dv<>pP*X"


def draw_variance(fitted: PrincipalComponents) -> bytes:
    """Draws each component's share of the variance, and the cumulative share; returns a PNG."""
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    shares = fitted.explained_variance_ratio * 100
    numbers = np.arange(1, len(shares) + 1)
    axes.bar(numbers, shares, color="#4878a8", label="each")
    axes.plot(
        numbers, shares.cumsum(), color="#d1495b", marker="o", markersize=4, label="cumulative"
    )
    axes.set(xlabel="component", ylabel="share of the variance, %", ylim=(0, None))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title(
        f"{len(shares)} components of {fitted.columns:,} features explain {shares.sum():.1f} % "
        f"({fitted.rows:,} images)"
    )
    axes.legend()
    return _png(figure)


def draw_scatter(points: Sequence[Row], fitted: PrincipalComponents) -> bytes:
    """Draws images by their first two components, coloured by label; returns a PNG.

    Args:
        points: rows with `pca_1`; `pca_2` and `label` are optional.
        fitted: the components.
    """
    fields = points[0].__fields__ if points else []
    columns = {name: [row[name] for row in points] for name in fields}
    x = np.array(columns.get("pca_1", []), np.float64)
    y = np.array(columns.get("pca_2", np.zeros_like(x)), np.float64)
    labels = np.array(columns.get("label", [""] * len(x)), str)
    names = [name for name, _ in Counter(sorted(labels.tolist())).most_common()]
    figure = Figure(figsize=(11, 8), layout="constrained")
    axes = figure.subplots()
    size = float(np.clip(20_000 / max(len(x), 1), 5, 40))
    for index, name in enumerate(names):
        of_name = labels == name
        axes.scatter(
            x[of_name],
            y[of_name],
            s=size,
            marker=_MARKERS[index % len(_MARKERS)],
            color=_colour(index, len(names)),
            label=name,
            alpha=0.7,
            linewidths=0,
        )
    shares = fitted.explained_variance_ratio * 100
    axes.set_xlabel(f"component 1 ({shares[0]:.1f} % of the variance)")
    axes.set_ylabel(f"component 2 ({shares[1]:.1f} %)" if len(shares) > 1 else "")
    axes.set_title(f"{len(x):,} images by their first components, {len(names):,} labels")
    if len(names) > 1:
        handles, named = axes.get_legend_handles_labels()
        more = f"and {len(names) - _MAX_LABELS:,} more" if len(names) > _MAX_LABELS else None
        figure.legend(
            handles[:_MAX_LABELS],
            named[:_MAX_LABELS],
            loc="outside right upper",
            fontsize="small",
            markerscale=1.5,
            title=more,
        )
    return _png(figure)


def _colour(index: int, count: int) -> Any:
    """Returns the colour of label `index`; `count` colours are as different as possible."""
    from matplotlib import colormaps

    return colormaps["tab10"](index) if count <= 10 else colormaps["gist_rainbow"](index / count)


def _png(figure: Figure) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=_DPI)
    return stream.getvalue()
