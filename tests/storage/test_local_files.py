import subprocess
import sys
from pathlib import Path

import pytest

from modules.storage.local_files import lock_folder, write_atomically
from tests.conftest import ROOT


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_the_old_file_stays_until_the_new_one_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    with write_atomically(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"

    assert path.read_bytes() == b"new"
    assert names(tmp_path) == ["file"]


def test_an_error_while_writing_leaves_the_old_file_and_no_temporary_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def write() -> None:
        with write_atomically(path) as file:
            file.write(b"new")
            raise ValueError("by the test")

    with pytest.raises(ValueError, match="by the test"):
        write()

    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


def test_a_name_may_have_all_the_bytes_that_a_file_system_allows(tmp_path: Path) -> None:
    path = tmp_path / ("ä" * 127 + "a")

    with write_atomically(path) as file:
        file.write(b"new")

    assert len(path.name.encode()) == 255
    assert names(tmp_path) == [path.name]


def test_a_new_file_has_the_permissions_of_any_other(tmp_path: Path) -> None:
    (tmp_path / "usual").write_bytes(b"")

    with write_atomically(tmp_path / "file"):
        pass

    assert (tmp_path / "file").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_locked_folder_is_locked_for_other_processes_until_the_block_ends(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys; from modules.storage.local_files import lock_folder\n"
        "with lock_folder(pathlib.Path(sys.argv[1]), wait=False): pass"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]

    with lock_folder(tmp_path):
        locked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    unlocked = subprocess.run(command, cwd=ROOT, check=False)

    assert "BlockingIOError" in locked.stderr
    assert unlocked.returncode == 0
