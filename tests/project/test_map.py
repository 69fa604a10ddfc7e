"""The map of the house in docs/development.md names every folder with code, and nothing else."""

import re
from pathlib import Path

import pytest

from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "development.md").read_text()


def read_map(page: str) -> set[str]:
    """Returns the paths in the map, from the repository's root; a folder ends with a slash."""
    (block,) = re.findall(r"## The house\n\n```text\n(.*?)```", page, re.DOTALL)
    paths: set[str] = set()
    folders: list[str] = []
    for line in block.splitlines():
        name = line.split()[0]
        folders[(len(line) - len(line.lstrip())) // 2 :] = [name]
        paths.add("".join(folders))
    return paths


PATHS = read_map(PAGE)


def folders_with_code(room: Path) -> set[str]:
    """Returns the folders that hold Python files, without what builds of layers left there."""
    folders = {path.parent.relative_to(ROOT) for path in room.rglob("*.py")}
    return {f"{folder}/" for folder in folders if folder.parts[:2] != ("layers", "build")}


def test_a_map_is_read_with_its_folders() -> None:
    page = (
        "## The house\n\n```text\na.py  first\nb/\n  c/   second\n    d.py  third\n  e.py  .\n```"
    )

    assert read_map(page) == {"a.py", "b/", "b/c/", "b/c/d.py", "b/e.py"}


@pytest.mark.parametrize("path", sorted(PATHS))
def test_everything_on_the_map_exists(path: str) -> None:
    assert (ROOT / path).is_dir() if path.endswith("/") else (ROOT / path).is_file()


@pytest.mark.parametrize("room", ["modules", "layers", "demo", "benchmarks"])
def test_every_folder_with_code_is_on_the_map(room: str) -> None:
    assert folders_with_code(ROOT / room) - PATHS == set()


def test_every_module_outside_the_rooms_is_on_the_map() -> None:
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "modules").glob("[!_]*.py")}

    assert modules - PATHS == set()
