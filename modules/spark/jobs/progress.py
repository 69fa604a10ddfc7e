"""Shows a progress bar over a job's images; see `image_bar`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

_SECONDS = 0.5  # between two updates of the bar


@contextmanager
def image_bar(
    console: Console,
    description: str,
    total: int,
    done_before: int,
    count: Callable[[], int],
    *,
    stop: threading.Event | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[None]:
    """Shows how many images are done, how many per second, and the time left.

    Args:
        console: the bar is shown only if this is a terminal.
        description: like "detecting".
        total: number of images.
        done_before: how many of them earlier runs have done; they do not count for the rate.
        count: returns how many this run has done.
        stop: is waited on between two updates, and set at the end; a test can pass its own.
        clock: returns the time in seconds, for the rate.
    """
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        """Images per second, over the last minute."""

        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:,.0f} images/s" if task.speed else "")

    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
        speed_estimate_period=60,  # long, as the count grows by a whole task at a time
        get_time=clock,
    )
    stopped = stop or threading.Event()

    def update() -> None:
        while not stopped.wait(_SECONDS):
            progress.update(bar, completed=min(done_before + count(), total))

    with progress:
        bar = progress.add_task(description, total=total, completed=done_before)
        updater = threading.Thread(target=update, daemon=True)
        updater.start()
        try:
            yield
        finally:
            stopped.set()
            updater.join()
