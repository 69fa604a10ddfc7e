"""Shows the progress of downloads and uploads on a terminal; see `transfer_bars`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


@contextmanager
def transfer_bars(sizes: Mapping[str, int], console: Console) -> Iterator[Callable[..., None]]:
    """Shows one progress bar per file, with speed and time left; nothing on a pipe.

    Yields the function that updates a bar. It takes a file's name and either `completed`, the bytes
    in all, or `advance`, the bytes since the last call.

    Args:
        sizes: the files' sizes in bytes, by name.
        console: where to show the bars.
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
