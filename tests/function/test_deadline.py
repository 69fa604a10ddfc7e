import time

from modules.function.deadline import Deadline


def test_the_first_image_is_always_started() -> None:
    assert Deadline(lambda: 0).has_time_for_another()


def test_another_image_needs_twice_the_time_of_the_longest_one() -> None:
    left = 0.0
    deadline = Deadline(lambda: left)
    start = time.perf_counter()
    with deadline.image():
        time.sleep(0.02)
    at_most = time.perf_counter() - start
    with deadline.image():
        pass  # a shorter image changes nothing

    left = 2 * 20 - 1
    assert not deadline.has_time_for_another()
    left = 2 * at_most * 1000
    assert deadline.has_time_for_another()


def test_without_a_context_there_is_no_time_limit() -> None:
    deadline = Deadline(None)
    with deadline.image():
        pass

    assert deadline.has_time_for_another()
