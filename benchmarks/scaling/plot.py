"""Draws the simulations' results; see `draw`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .inputs import WRITES, Quotas
from .load import Carried
from .outcome import Outcome
from .tables import duration, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BLUE, _RED = "#4878a8", "#d1495b"


def draw(
    carried: Sequence[Carried],
    bursts: Sequence[tuple[int, int, Outcome]],
    path: Path,
) -> None:
    """Draws the throughput by concurrency, and how the largest bursts drain, as a PNG."""
    from matplotlib.figure import Figure  # imported here: the tables work without matplotlib

    figure = Figure(figsize=(13, 5.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw_carried(left, carried)
    most = max(len(outcome.done) for _, _, outcome in bursts)
    _draw_backlog(right, [burst for burst in bursts if len(burst[2].done) == most])
    figure.savefig(path, dpi=100)


def _draw_carried(axes: Axes, carried: Sequence[Carried]) -> None:
    quotas = Quotas()
    for partitions in (1, 10, 100):
        images = partitions * quotas.writes / WRITES
        axes.axhline(images, color="#888888", linestyle="--", linewidth=1)
        plural = "s" if partitions > 1 else ""
        axes.annotate(
            f"S3's {number(images * WRITES)} PUT/s: {partitions} partition{plural}",
            (0.8, images),
            (0, 4),
            textcoords="offset points",
            color="#555555",
        )
    enough = {row.concurrency: row.most for row in carried if row.partitions > 1}
    one = {row.concurrency: row.most for row in carried if row.partitions == 1}
    enough = {at: one[at] for at in one if at not in enough} | enough
    axes.plot(
        *zip(*sorted(one.items()), strict=True), "s--", color=_RED, label="one partition of S3"
    )
    axes.plot(
        *zip(*sorted(enough.items()), strict=True),
        "o-",
        color=_BLUE,
        label="enough partitions of S3",
    )
    last = max(one)
    named = [(at, images, _BLUE) for at, images in enough.items()] + [(last, one[last], _RED)]
    for at, images, colour in named:
        axes.annotate(
            number(images),
            (at, images),
            (10, -14),
            textcoords="offset points",
            color=colour,
            weight="bold",
        )
    axes.set(
        xscale="log",
        yscale="log",
        xlim=(0.7, 60_000),
        ylim=(4, 500_000),
        xlabel="concurrency",
        ylabel="images per second",
        title="The highest rate",
    )
    axes.xaxis.set_major_formatter(_plain)
    axes.yaxis.set_major_formatter(_plain)
    axes.legend(loc="lower right")


def _draw_backlog(axes: Axes, bursts: Sequence[tuple[int, int, Outcome]]) -> None:
    looks = (
        (_RED, "right", 0.85),
        ("#b8741a", "right", 0.6),
        ("#3b8b6b", "left", 0.4),
        (_BLUE, "right", 0.25),
    )
    for (concurrency, _, outcome), (colour, side, height) in zip(bursts, looks, strict=False):
        seconds, waiting = outcome.backlog[:, 0], outcome.backlog[:, 1]
        name = f"{concurrency:,}: {duration(outcome.drained)}"
        if outcome.lost.any():
            name += f",\n{outcome.lost.sum():,} dead letters"
        axes.plot(seconds, waiting, color=colour, linewidth=2)
        at = np.flatnonzero(waiting > height * waiting.max())[-1]  # the last time above that height
        axes.annotate(
            name,
            (seconds[at], waiting[at]),
            (-8 if side == "right" else 8, 0),
            textcoords="offset points",
            ha=side,
            va="center",
            color=colour,
            weight="bold",
        )
    images = len(bursts[0][2].done)
    axes.set(
        xscale="log",
        xlim=(1, 40_000),
        ylim=(0, images * 1.05),
        ylabel="waiting images",
        title=f"After {images:,} uploads at once, by concurrency",
    )
    axes.set_xticks([1, 10, 60, 600, 3600, 6 * 3600])
    axes.set_xticklabels(["1 s", "10 s", "1 min", "10 min", "1 h", "6 h"])
    axes.minorticks_off()
    axes.set_xlabel("time since the upload")
    axes.yaxis.set_major_formatter(_plain)


def _plain(value: float, _: float) -> str:
    return f"{value:,.0f}"
