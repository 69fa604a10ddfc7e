"""Draws the measurements; see `plot`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .table import Rows, Table

_PLOT = Path(__file__).parent.parent / "results.png"
_GREY, _LIGHT, _BLUE, _DARK = "#b8b8b8", "#a9d1f0", "#4393c3", "#134b77"


def plot(tables: dict[str, Table]) -> None:
    """Draws those of the tables of warm invocations, cold starts and engines that exist."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot

    drawings = {"warm": _draw_warm, "cold": _draw_cold, "engines": _draw_engines}
    chosen = [name for name in drawings if name in tables]
    if not chosen:
        return
    figure, axes = pyplot.subplots(
        len(chosen), 1, figsize=(8, 2.8 * len(chosen)), layout="constrained", squeeze=False
    )
    for name, (axis,) in zip(chosen, axes, strict=True):
        drawings[name](axis, tables[name].rows)
        axis.set_title(tables[name].title, loc="left", fontsize=11)
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(_PLOT, dpi=110)
    pyplot.close(figure)


def _number(cell: str) -> float:
    return float(cell.strip("*").replace(",", ""))


def _draw_warm(axis: Any, rows: Rows) -> None:
    """Draws a bar for naive, and one for each of our engines with its forward pass inside."""
    names, whole, forward, colours = list[str](), list[float](), list[float](), list[str]()
    for row in rows:
        if f"{row[0]}, naive" not in names:
            names.append(f"{row[0]}, naive")
            whole.append(_number(row[2]))
            forward.append(0.0)
            colours.append(_GREY)
        names.append(f"{row[0]}, ours, {row[1]}")
        whole.append(_number(row[3]))
        forward.append(_number(row[5]))
        colours.append(_BLUE)
    bars = axis.barh(names, whole, color=colours)
    axis.barh(names, forward, color=_DARK, label="of ours, the forward pass")
    axis.bar_label(bars, fmt="%.0f", padding=3)
    axis.set_xlabel("ms, without S3")
    axis.invert_yaxis()
    axis.legend(frameon=False)


def _draw_cold(axis: Any, rows: Rows) -> None:
    """Draws a bar for each start, divided into what comes before the first event and its answer."""
    names = [f"{row[0]}, S3 {row[1]}, {row[2]}" for row in rows]
    ready, total = ([_number(row[column]) for row in rows] for column in (3, 4))
    axis.barh(names, ready, color=_GREY, label="ready for the first event")
    rest = [whole - before for whole, before in zip(total, ready, strict=True)]
    axis.barh(names, rest, left=ready, color=_DARK, label="its answer")
    axis.set_xlabel("ms")
    axis.invert_yaxis()
    axis.legend(frameon=False)


def _draw_engines(axis: Any, rows: Rows) -> None:
    """Draws each engine's time on one thread, relative to the fastest."""
    rows = [row for row in rows if row[1] == "1"]
    names = ("ours, OpenCV", "ONNX Runtime", "OpenVINO", "OpenCV 4.14")
    for place, (name, colour) in enumerate(zip(names, (_DARK, _BLUE, _LIGHT, _GREY), strict=True)):
        best = [min(map(_number, row[2:6])) for row in rows]
        ratios = [_number(row[2 + place]) / least for row, least in zip(rows, best, strict=True)]
        places = [index + 0.2 * (place - 1.5) for index in range(len(rows))]
        axis.bar(places, ratios, 0.2, color=colour, label=name)
    axis.set_xticks(range(len(rows)), [row[0] for row in rows], fontsize=8)
    axis.set_ylabel("time / the best's, one thread")
    axis.axhline(1.25, color="black", linewidth=0.8, linestyle=":")
    axis.legend(frameon=False, ncols=2)
