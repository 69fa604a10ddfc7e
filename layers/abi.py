"""Finds shared libraries of a layer that Lambda cannot load; start at `find_problems`.

A library that was compiled on a newer Linux, or for another processor, fails only when it is
imported, in the cloud. Its ELF file lists what it needs, so any host can check that.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile
from elftools.elf.enums import ENUM_E_MACHINE
from elftools.elf.gnuversions import GNUVerNeedSection

_MACHINES = {
    "x86_64": ENUM_E_MACHINE["EM_X86_64"],
    "arm64": ENUM_E_MACHINE["EM_AARCH64"],
}
# Amazon Linux 2023 has glibc 2.34, and the libraries of GCC 11
_NEWEST = {"GLIBC": (2, 34), "GLIBCXX": (3, 4, 29), "CXXABI": (1, 3, 13), "GCC": (11,)}
_PRESENT = re.compile(
    r"lib(c|m|dl|rt|pthread|util|gcc_s|stdc\+\+|z)\.so\.\d+|ld-linux-(x86-64|aarch64)\.so\.\d+"
)
_ELF_64_LITTLE_ENDIAN = b"\x7fELF\x02\x01"


@dataclass(frozen=True)
class Needs:
    """What a shared library needs from the system.

    machine: ELF's number of the processor. libraries: file names, such as "libc.so.6". versions:
    the symbol versions that it needs from each library, such as ("libc.so.6", "GLIBC_2.34").
    """

    machine: int
    libraries: frozenset[str]
    versions: frozenset[tuple[str, str]]


def read_needs(data: bytes) -> Needs:
    """Reads what the shared library with this content needs.

    Raises:
        ELFError: the content is not a complete ELF file, or its section table was stripped.
    """
    elf = ELFFile(BytesIO(data))
    machine = elf["e_machine"]
    tags = [
        tag
        for segment in elf.iter_segments()
        if isinstance(segment, DynamicSegment)
        for tag in segment.iter_tags()
    ]
    versions = {
        (str(library.name), version.name)
        for section in elf.iter_sections("SHT_GNU_verneed")
        if isinstance(section, GNUVerNeedSection)
        for library, needed in section.iter_versions()
        for version in needed
    }
    if not versions and any(tag["d_tag"] == "DT_VERNEED" for tag in tags):
        raise ELFError("its section table was stripped, so its symbol versions cannot be read")
    return Needs(
        # pyelftools names the machines that it knows; others stay numbers
        machine if isinstance(machine, int) else ENUM_E_MACHINE[machine],
        frozenset(
            tag.needed  # type: ignore[attr-defined]  # pyelftools adds it to tags of this kind
            for tag in tags
            if tag["d_tag"] == "DT_NEEDED"
        ),
        frozenset(versions),
    )


def is_too_new(version: str) -> bool:
    """Returns whether Amazon Linux 2023 lacks a symbol version such as `GLIBC_2.36`."""
    family, _, number = version.partition("_")
    if family not in _NEWEST:
        return False
    if not re.fullmatch(r"[\d.]+", number):
        # GLIBC_ABI_DT_RELR came with 2.36; GLIBC_PRIVATE changes with every release
        return family == "GLIBC"
    return tuple(map(int, number.split("."))) > _NEWEST[family]


def find_problems(tree: Path, architecture: str) -> Iterator[str]:
    """Yields a message for every reason why Lambda could not load a shared library below `tree`.

    A library in a package's .libs folder that nothing leads to is a problem, too: layers/trim.py
    deletes what needs it, but not the library.
    """
    contents = {path: path.read_bytes() for path in sorted(tree.rglob("*.so*")) if path.is_file()}
    bundled = {path.name for path in contents}
    needed: dict[Path, frozenset[str]] = {}
    for path, data in contents.items():
        if not data.startswith(_ELF_64_LITTLE_ENDIAN):
            yield f"{path}: not a 64-bit shared library"
            continue
        try:
            needs = read_needs(data)
        except ELFError as error:
            yield f"{path}: not a shared library that can be read: {error}"
            continue
        needed[path] = needs.libraries
        if needs.machine != _MACHINES[architecture]:
            yield f"{path}: compiled for another processor than {architecture}"
        missing = {name for name in needs.libraries - bundled if not _PRESENT.fullmatch(name)}
        if missing:
            yield f"{path}: needs {', '.join(sorted(missing))}, which Lambda does not have"
        new = {
            version
            for library, version in needs.versions
            if library not in bundled and is_too_new(version)
        }
        if new:
            yield (
                f"{path}: needs {', '.join(sorted(new))}, which Lambda's Amazon Linux 2023 does "
                "not have (glibc 2.34, GCC 11): compile it there, as layers/opencv/Dockerfile does"
            )
    for path in _unneeded(needed):
        yield f"{path}: nothing in the layer needs it: delete it in layers/trim.py"


def _unneeded(needed: Mapping[Path, frozenset[str]]) -> list[Path]:
    """Returns the libraries in packages' .libs folders that no file outside of them leads to."""
    by_name = {path.name: path for path in needed}
    reached: set[Path] = set()
    waiting = [path for path in needed if path.parent.suffix != ".libs"]
    while waiting:
        path = waiting.pop()
        if path not in reached:
            reached.add(path)
            waiting += [by_name[name] for name in needed[path] if name in by_name]
    return [path for path in needed if path not in reached]


def main(tree: Path, architecture: str) -> None:
    """Exits with all messages if Lambda could not load a shared library below `tree`."""
    found = list(find_problems(tree, architecture))
    if found:
        sys.exit("\n".join(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
