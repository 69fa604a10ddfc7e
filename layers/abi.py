"""Tells whether Lambda can load a layer's shared libraries; start at `complaints`.

A library compiled on a newer Linux, or for another processor, fails only when it is imported, in
the cloud. What it needs stands in its ELF header, so that it can be told here, on any host.
"""

from __future__ import annotations

import re
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_MACHINES = {"x86_64": 62, "arm64": 183}  # ELF's e_machine
# What Amazon Linux 2023 has: glibc 2.34, and the libraries of GCC 11
_NEWEST = {"GLIBC": (2, 34), "GLIBCXX": (3, 4, 29), "CXXABI": (1, 3, 13), "GCC": (11,)}
_PRESENT = re.compile(
    r"lib(c|m|dl|rt|pthread|util|gcc_s|stdc\+\+|z)\.so\.\d+|ld-linux-(x86-64|aarch64)\.so\.\d+"
)
_LOAD, _DYNAMIC = 1, 2  # kinds of program headers
_NEEDED, _STRINGS, _VERSIONS, _VERSION_COUNT = 1, 5, 0x6FFFFFFE, 0x6FFFFFFF  # dynamic tags


@dataclass(frozen=True)
class Needs:
    """What a shared library asks of the system: a processor, libraries, versions of symbols."""

    machine: int
    libraries: frozenset[str]
    versions: frozenset[tuple[str, str]]  # (library, version), ("libc.so.6", "GLIBC_2.34")


def read_needs(data: bytes) -> Needs:
    """Reads the header of a 64-bit little-endian ELF file."""
    (machine,) = struct.unpack_from("<H", data, 18)
    (table,) = struct.unpack_from("<Q", data, 32)
    entry_size, entries = struct.unpack_from("<HH", data, 54)
    # (kind, offset in the file, address, size in the file)
    segments = [
        (fields[0], fields[2], fields[3], fields[5])
        for fields in struct.iter_unpack("<IIQQQQQQ", data[table : table + entry_size * entries])
    ]

    def position(address: int) -> int:
        for kind, offset, start, size in segments:
            if kind == _LOAD and start <= address < start + size:
                return int(address - start + offset)
        raise ValueError(f"no segment holds the address {address:#x}")

    dynamic: list[tuple[int, int]] = []
    for kind, offset, _, size in segments:
        if kind == _DYNAMIC:
            dynamic = list(struct.iter_unpack("<QQ", data[offset : offset + size]))
    tags = dict(dynamic)
    strings = position(tags[_STRINGS])

    def text(index: int) -> str:
        return data[strings + index : data.index(b"\0", strings + index)].decode()

    versions = set()
    place = position(tags[_VERSIONS]) if _VERSIONS in tags else 0
    for _ in range(tags.get(_VERSION_COUNT, 0)):
        _, count, library, first, following = struct.unpack_from("<HHIII", data, place)
        auxiliary = place + first
        for _ in range(count):
            _, _, _, name, step = struct.unpack_from("<IHHII", data, auxiliary)
            versions.add((text(library), text(name)))
            auxiliary += step
        place += following
    libraries = frozenset(text(index) for tag, index in dynamic if tag == _NEEDED)
    return Needs(machine, libraries, frozenset(versions))


def is_too_new(version: str) -> bool:
    """Whether Amazon Linux 2023 lacks a symbol version such as `GLIBC_2.36`."""
    family, _, number = version.partition("_")
    if family not in _NEWEST:
        return False
    if not re.fullmatch(r"[\d.]+", number):
        # GLIBC_ABI_DT_RELR came with 2.36; GLIBC_PRIVATE changes with every release
        return family == "GLIBC"
    return tuple(map(int, number.split("."))) > _NEWEST[family]


def complaints(tree: Path, architecture: str) -> Iterator[str]:
    """Says, of every shared library below `tree`, why Lambda could not load it."""
    contents = {path: path.read_bytes() for path in sorted(tree.rglob("*.so*")) if path.is_file()}
    bundled = {path.name for path in contents}
    for path, data in contents.items():
        if data[:6] != b"\x7fELF\x02\x01":
            yield f"{path}: not a 64-bit shared library"
            continue
        needs = read_needs(data)
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


def main(tree: Path, architecture: str) -> None:
    """Exits with a message if Lambda could not load what lies in `tree`."""
    found = list(complaints(tree, architecture))
    if found:
        sys.exit("\n".join(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
