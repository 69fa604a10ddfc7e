"""A shared library without its symbols is smaller, and works."""

import io
import shutil
import subprocess
import sys
from pathlib import Path

import obstore
import PIL
import pytest
from elftools.elf.elffile import ELFFile

from layers.symbols import without_symbols

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has ELF files")
(LIBRARY,) = Path(obstore.__file__).parent.glob("*.so")


def sections(library: bytes) -> list[str]:
    return [section.name for section in ELFFile(io.BytesIO(library)).iter_sections()]


def test_only_the_symbols_are_removed() -> None:
    whole = LIBRARY.read_bytes()

    left = without_symbols(whole)

    assert len(left) < len(whole) - 1_000_000
    assert [name for name in sections(whole) if name not in (".symtab", ".strtab")] == sections(
        left
    )
    for before in ELFFile(io.BytesIO(whole)).iter_sections():
        if before.name in sections(left):
            after = ELFFile(io.BytesIO(left)).get_section_by_name(before.name)
            assert after is not None
            assert after.data() == before.data(), before.name
    assert without_symbols(left) == left


def test_a_library_without_symbols_can_be_used(tmp_path: Path) -> None:
    shutil.copytree(LIBRARY.parent, tmp_path / "obstore")
    (tmp_path / "obstore" / LIBRARY.name).write_bytes(without_symbols(LIBRARY.read_bytes()))
    program = (
        "import obstore; from obstore.store import MemoryStore; store = MemoryStore()\n"
        "store.put('a', b'x'); print(obstore.__file__, bytes(store.get('a').bytes()))"
    )

    run = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    assert run.stdout.split() == [str(tmp_path / "obstore" / "__init__.py"), "b'x'"]


def test_symbols_in_front_of_what_is_loaded_stay() -> None:
    (library,) = Path(PIL.__file__).parent.glob("_imaging.*.so")
    whole = library.read_bytes()
    assert ".symtab" in sections(whole)

    assert without_symbols(whole) == whole


def test_another_file_is_refused() -> None:
    with pytest.raises(ValueError, match="not an ELF file of 64 bits"):
        without_symbols(b"#!/bin/sh\n")
