from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modules.errors import DownloadError, NotThereError, UnreachableError
from modules.models.zoo import download as module
from modules.models.zoo.download import download
from tests.file_server import FileServer

DATA = bytes(range(256)) * 4096
DIGEST = sha256(DATA).hexdigest()


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAUSES", (0.0, 0.0, 0.0))


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer({"file": DATA}).running() as running:
        yield running


def fetch(server: FileServer, path: Path) -> list[int]:
    """Downloads the file; returns the byte counts that the progress callback got."""
    counts: list[int] = []
    download(
        f"{server.address}/file",
        path,
        sha256=DIGEST,
        size=len(DATA),
        progress=lambda name, done, size: counts.append(done),
    )
    assert path.read_bytes() == DATA
    assert [other.name for other in path.parent.iterdir()] == [path.name]
    return counts


def test_a_file_is_downloaded_with_progress(server: FileServer, tmp_path: Path) -> None:
    counts = fetch(server, tmp_path / "file")

    assert counts == sorted(counts)
    assert counts[-1] == len(DATA)
    assert server.requests == [("/file", None)]


def test_a_broken_download_is_resumed(server: FileServer, tmp_path: Path) -> None:
    server.cuts = [1000, 5000]

    fetch(server, tmp_path / "file")

    assert server.requests == [("/file", None), ("/file", "bytes=1000-"), ("/file", "bytes=6000-")]


def test_a_later_run_resumes_an_earlier_one(server: FileServer, tmp_path: Path) -> None:
    server.cuts = [100, 100, 100, 100]
    with pytest.raises(UnreachableError, match=r"/file: the connection broke after 400 of 1,0"):
        fetch(server, tmp_path / "file")
    assert (tmp_path / "file.part").read_bytes() == DATA[:400]
    del server.requests[:]

    fetch(server, tmp_path / "file")

    assert server.requests == [("/file", "bytes=400-")]


def test_a_server_without_ranges_sends_the_whole_file_again(
    server: FileServer, tmp_path: Path
) -> None:
    server.cuts, server.ranges = [1000], False

    fetch(server, tmp_path / "file")

    assert len(server.requests) == 2


def test_a_broken_connection_is_noticed_without_a_content_length(
    server: FileServer, tmp_path: Path
) -> None:
    server.cuts, server.lengths = [1000], False

    fetch(server, tmp_path / "file")

    assert server.requests == [("/file", None), ("/file", "bytes=1000-")]


def test_a_file_that_has_changed_is_downloaded_from_the_beginning(
    server: FileServer, tmp_path: Path
) -> None:
    server.files["file"] = DATA[::-1]
    server.cuts = [100, 100, 100, 100]
    with pytest.raises(UnreachableError):
        fetch(server, tmp_path / "file")

    server.files["file"] = DATA
    fetch(server, tmp_path / "file")

    assert server.requests[-1] == ("/file", "bytes=400-")


def test_a_partial_file_with_wrong_bytes_is_discarded(server: FileServer, tmp_path: Path) -> None:
    server.etags = False
    (tmp_path / "file.part").write_bytes(b"<html>")

    fetch(server, tmp_path / "file")

    assert server.requests == [("/file", "bytes=6-"), ("/file", None)]


def test_a_partial_file_that_is_too_long_is_discarded(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(DATA + b"!")

    fetch(server, tmp_path / "file")

    assert server.requests == [("/file", None)]


def test_a_complete_partial_file_needs_no_request(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(DATA)

    fetch(server, tmp_path / "file")

    assert server.requests == []


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_retryable_status_is_retried(server: FileServer, tmp_path: Path, status: int) -> None:
    server.statuses = [status, status]

    fetch(server, tmp_path / "file")

    assert len(server.requests) == 3


@pytest.mark.parametrize("status", [403, 404, 410])
def test_another_status_is_not_retried(server: FileServer, tmp_path: Path, status: int) -> None:
    server.statuses = [status]

    with pytest.raises(NotThereError, match=f"/file: {status} "):
        fetch(server, tmp_path / "file")

    assert len(server.requests) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong", [b"<html>", DATA[:-1], DATA + b"!", b"\0" * len(DATA)])
def test_a_file_with_another_digest_is_refused_and_deleted(
    server: FileServer, tmp_path: Path, wrong: bytes
) -> None:
    server.files["file"] = wrong

    with pytest.raises(DownloadError, match=f"/file: its SHA-256 is .*; it should be {DIGEST}"):
        fetch(server, tmp_path / "file")

    assert list(tmp_path.iterdir()) == []


def test_a_slow_download_does_not_time_out(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_TIMEOUT", 5.0)
    server.pause = 0.1

    counts = fetch(server, tmp_path / "file")

    assert counts[0] <= len(DATA) / 4
    assert len(server.requests) == 1


def test_a_server_that_stops_sending_times_out_in_every_attempt(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_TIMEOUT", 0.05)
    server.pause = 0.5

    with pytest.raises(UnreachableError, match="timed out"):
        fetch(server, tmp_path / "file")

    assert len(server.requests) == 4


def test_the_error_for_a_refused_connection_names_the_address(tmp_path: Path) -> None:
    with FileServer().running() as server:
        address = server.address

    with pytest.raises(UnreachableError, match=rf"{address}/file: .*refused"):
        download(f"{address}/file", tmp_path / "file", sha256=DIGEST, size=len(DATA))


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, len(DATA)), max_size=3), st.booleans(), st.booleans())
def test_the_file_is_correct_wherever_the_connection_breaks(
    server: FileServer, tmp_path: Path, cuts: list[int], ranges: bool, etags: bool
) -> None:
    server.cuts, server.ranges, server.etags = cuts, ranges, etags
    (tmp_path / "file").unlink(missing_ok=True)

    fetch(server, tmp_path / "file")
    server.cuts.clear()
