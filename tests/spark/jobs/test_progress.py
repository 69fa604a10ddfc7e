import io
import itertools
import threading

from rich.console import Console

from modules.spark.jobs.progress import image_bar


class SteppedStop(threading.Event):
    """Lets the bar update a few times, half a second apart on its own clock; then it waits."""

    def __init__(self, updates: int) -> None:
        super().__init__()
        self.seconds = 0.0
        self.updated = threading.Event()
        self._updates = updates

    def clock(self) -> float:
        return self.seconds

    def wait(self, timeout: float | None = None) -> bool:
        if self._updates == 0:
            self.updated.set()
            return super().wait()
        self._updates -= 1
        self.seconds += timeout or 0.0
        return False


def test_a_terminal_shows_the_count_the_rate_and_the_time_left() -> None:
    terminal = Console(file=io.StringIO(), force_terminal=True, width=120)
    counts = itertools.count(30, 10)
    stop = SteppedStop(updates=3)

    with image_bar(
        terminal, "detecting", 200, 20, lambda: next(counts), stop=stop, clock=stop.clock
    ):
        assert stop.updated.wait(60)

    shown = terminal.file.getvalue()  # type: ignore[attr-defined]
    assert "detecting" in shown
    assert " 70/200" in shown  # 20 done before, 30 + 10 + 10 in this run
    assert "20 images/s" in shown  # 10 every half second
    assert "0:00:07" in shown  # for the other 130


def test_a_pipe_shows_nothing() -> None:
    pipe = Console(file=io.StringIO(), force_terminal=False)
    stop = SteppedStop(updates=3)

    with image_bar(pipe, "detecting", 200, 0, lambda: 10, stop=stop, clock=stop.clock):
        assert stop.updated.wait(60)

    assert pipe.file.getvalue() == ""  # type: ignore[attr-defined]
