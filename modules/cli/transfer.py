"""Shows a person how far files have come on their way; nothing on a pipe. See `transfer_bars`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


@contextmanager
def transfer_bars(sizes: Mapping[str, int], console: Console) -> Iterator[Callable[..., None]]:
    """A bar a file, given the files' sizes in bytes, with speed and time left.

    Yields what is to be called as files go: with a name, and `completed` bytes in all, or
    `advance`, the bytes that have come since.
    """
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bars:
        tasks = {name: bars.add_task(name, total=size) for name, size in sizes.items()}

        def show(name: str, *, completed: int | None = None, advance: int | None = None) -> None:
            bars.update(tasks[name], completed=completed, advance=advance)

        yield show
