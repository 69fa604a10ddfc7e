from collections.abc import Iterator

import cv2
import pytest

from modules.function.threads import use_share_of_cores


@pytest.fixture(autouse=True)
def _restore_threads() -> Iterator[None]:
    before = cv2.getNumThreads()
    yield
    cv2.setNumThreads(before)


@pytest.mark.parametrize(
    ("memory", "threads"), [("128", 1), ("1769", 1), ("1770", 2), ("3538", 2), ("10240", 6)]
)
def test_every_started_1769_mb_add_a_thread(memory: str, threads: int) -> None:
    use_share_of_cores({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": memory})

    assert cv2.getNumThreads() == min(threads, cv2.getNumberOfCPUs())


def test_outside_of_lambda_nothing_changes() -> None:
    cv2.setNumThreads(2)

    use_share_of_cores({})

    assert cv2.getNumThreads() == 2
