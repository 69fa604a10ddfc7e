"""The result of one measurement as a table of the page; see `Table`."""

from __future__ import annotations

from dataclasses import dataclass

Rows = list[list[str]]


@dataclass(frozen=True)
class Table:
    """What one measurement found.

    title: the heading. text: what was measured, how, and the target ("bar"). header: the columns.
    rows: a cell for each column.
    """

    title: str
    text: str
    header: list[str]
    rows: Rows
