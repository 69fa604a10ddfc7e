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
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAUSES", (0.0, 0.0, 0.0))


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer({"file": DATA}).running() as running:
        yield running


def fetch(server: FileServer, path: Path) -> list[int]:
    """Fetches the file; returns what the progress was."""
    moved: list[int] = []
    download(
        f"{server.address}/file",
        path,
        sha256=DIGEST,
        size=len(DATA),
        progress=lambda name, done, size: moved.append(done),
    )
    assert path.read_bytes() == DATA
    assert [other.name for other in path.parent.iterdir()] == [path.name]
    return moved


def test_a_file_comes_whole_and_its_progress_is_told(server: FileServer, tmp_path: Path) -> None:
    moved = fetch(server, tmp_path / "file")

    assert moved == sorted(moved)
    assert moved[-1] == len(DATA)
    assert server.requests == [("/file", None)]


def test_a_connection_cut_in_the_middle_is_continued_from_there(
    server: FileServer, tmp_path: Path
) -> None:
    server.cuts = [1000, 5000]

    fetch(server, tmp_path / "file")

    assert server.requests == [("/file", None), ("/file", "bytes=1000-"), ("/file", "bytes=6000-")]


def test_a_later_run_goes_on_where_one_gave_up(server: FileServer, tmp_path: Path) -> None:
    server.cuts = [100, 100, 100, 100]
    with pytest.raises(UnreachableError, match=r"/file: the connection broke after 400 of 1,0"):
        fetch(server, tmp_path / "file")
    assert (tmp_path / "file.part").read_bytes() == DATA[:400]
    del server.requests[:]

    fetch(server, tmp_path / "file")

    assert server.requests == [("/file", "bytes=400-")]


def test_a_server_that_knows_no_ranges_sends_all_again(server: FileServer, tmp_path: Path) -> None:
    server.cuts, server.ranges = [1000], False

    fetch(server, tmp_path / "file")

    assert len(server.requests) == 2


def test_a_cut_is_noticed_where_no_length_was_told(server: FileServer, tmp_path: Path) -> None:
    server.cuts, server.lengths = [1000], False

    fetch(server, tmp_path / "file")

    assert server.requests == [("/file", None), ("/file", "bytes=1000-")]


def test_a_file_that_changed_in_between_is_fetched_anew(server: FileServer, tmp_path: Path) -> None:
    server.files["file"] = DATA[::-1]
    server.cuts = [100, 100, 100, 100]
    with pytest.raises(UnreachableError):
        fetch(server, tmp_path / "file")

    server.files["file"] = DATA
    fetch(server, tmp_path / "file")

    assert server.requests[-1] == ("/file", "bytes=400-")


def test_a_beginning_of_something_else_is_dropped_and_all_fetched(
    server: FileServer, tmp_path: Path
) -> None:
    server.etags = False
    (tmp_path / "file.part").write_bytes(b"<html>")

    fetch(server, tmp_path / "file")

    assert server.requests == [("/file", "bytes=6-"), ("/file", None)]


def test_more_than_the_file_has_is_dropped_too(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(DATA + b"!")

    fetch(server, tmp_path / "file")

    assert server.requests == [("/file", None)]


def test_what_is_whole_already_is_not_asked_for(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(DATA)

    fetch(server, tmp_path / "file")

    assert server.requests == []


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_answer_that_may_pass_is_waited_out(
    server: FileServer, tmp_path: Path, status: int
) -> None:
    server.statuses = [status, status]

    fetch(server, tmp_path / "file")

    assert len(server.requests) == 3


@pytest.mark.parametrize("status", [403, 404, 410])
def test_an_answer_that_stays_is_taken(server: FileServer, tmp_path: Path, status: int) -> None:
    server.statuses = [status]

    with pytest.raises(NotThereError, match=f"/file: {status} "):
        fetch(server, tmp_path / "file")

    assert len(server.requests) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong", [b"<html>", DATA[:-1], DATA + b"!", b"\0" * len(DATA)])
def test_another_content_is_refused_and_not_kept(
    server: FileServer, tmp_path: Path, wrong: bytes
) -> None:
    server.files["file"] = wrong

    with pytest.raises(DownloadError, match=f"/file: its SHA-256 is .*; it should be {DIGEST}"):
        fetch(server, tmp_path / "file")

    assert list(tmp_path.iterdir()) == []


def test_a_slow_server_is_waited_for(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_TIMEOUT", 5.0)
    server.pause = 0.1

    moved = fetch(server, tmp_path / "file")

    assert moved[0] <= len(DATA) / 4
    assert len(server.requests) == 1


def test_a_server_that_falls_silent_is_given_up(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_TIMEOUT", 0.05)
    server.pause = 0.5

    with pytest.raises(UnreachableError, match="timed out"):
        fetch(server, tmp_path / "file")

    assert len(server.requests) == 4


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    with FileServer().running() as server:
        address = server.address

    with pytest.raises(UnreachableError, match=rf"{address}/file: .*refused"):
        download(f"{address}/file", tmp_path / "file", sha256=DIGEST, size=len(DATA))


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, len(DATA)), max_size=3), st.booleans(), st.booleans())
def test_however_it_is_cut_the_file_is_right(
    server: FileServer, tmp_path: Path, cuts: list[int], ranges: bool, etags: bool
) -> None:
    server.cuts, server.ranges, server.etags = cuts, ranges, etags
    (tmp_path / "file").unlink(missing_ok=True)

    fetch(server, tmp_path / "file")
    server.cuts.clear()
