import io
import itertools
import time

from rich.console import Console

from modules.spark.jobs.progress import image_bar


def test_a_person_sees_what_is_done_how_fast_and_how_long_it_takes() -> None:
    terminal = Console(file=io.StringIO(), force_terminal=True, width=120)
    counts = itertools.count(30, 10)

    with image_bar(terminal, "detecting", 200, 20, lambda: next(counts)):
        time.sleep(1.8)

    shown = terminal.file.getvalue()  # type: ignore[attr-defined]
    assert "detecting" in shown
    assert " 50/200" in shown  # 20 were done before
    assert "images/s" in shown
    assert "0:00:" in shown


def test_a_pipe_gets_no_bar() -> None:
    pipe = Console(file=io.StringIO(), force_terminal=False)

    with image_bar(pipe, "detecting", 200, 0, lambda: 10):
        time.sleep(0.6)

    assert pipe.file.getvalue() == ""  # type: ignore[attr-defined]
