import os

import pytest

from modules.cli.local_aws.process_log import ProcessLog


@pytest.mark.parametrize("size", [1, 20_000])
def test_everything_that_was_written_is_read_at_once(size: int) -> None:
    end, start = os.pipe()
    log = ProcessLog(os.fdopen(end, "rb"))
    lines = [f"{number} {'x' * size}" for number in range(200)]
    for number, line in enumerate(lines, 1):
        os.write(start, f"{line}\n".encode())
        assert log.read() == lines[:number]
    os.close(start)
    assert log.read() == lines


def test_the_last_line_may_lack_its_end_and_bytes_may_be_no_text() -> None:
    end, start = os.pipe()
    log = ProcessLog(os.fdopen(end, "rb"))
    os.write(start, b"a\nb\xff")
    assert log.read() == ["a"]
    os.close(start)
    assert log.read() == ["a", "b\N{REPLACEMENT CHARACTER}"]
    assert log.read() == ["a", "b\N{REPLACEMENT CHARACTER}"]
