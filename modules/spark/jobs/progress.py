"""The bar over a job's images; see `image_bar`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

_SECONDS = 0.5  # between two looks at the count


@contextmanager
def image_bar(
    console: Console, what: str, total: int, done: int, count: Callable[[], int]
) -> Iterator[None]:
    """Shows how many images are done, how many a second, and how long the others will take.

    Args:
        console: a bar is shown only where it is a terminal.
        what: is being done.
        total: how many there are.
        done: how many of them were done before; they do not count towards the rate.
        count: how many have been done since.
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
        """Images a second, lately."""

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
        speed_estimate_period=60,  # images come a task at a time
    )
    over = threading.Event()

    def follow() -> None:
        while not over.wait(_SECONDS):
            progress.update(bar, completed=min(done + count(), total))

    with progress:
        bar = progress.add_task(what, total=total, completed=done)
        follower = threading.Thread(target=follow, daemon=True)
        follower.start()
        try:
            yield
        finally:
            over.set()
            follower.join()
