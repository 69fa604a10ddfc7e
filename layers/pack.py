"""Packs a layer's folder into the zip that is uploaded, and checks its size; start at `main`.

The same files give the same bytes: they are sorted, dated 1980, and have one of two permissions.
"""

from __future__ import annotations

import argparse
import re
import stat
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_EARLIEST = (1980, 1, 1, 0, 0, 0)
_NAMES = {
    "PIL": "pillow",
    "-pi-heif": "pi-heif",  # its extension module, _pi_heif
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
}


@dataclass(frozen=True)
class Package:
    """The size of one distribution in a layer, in bytes."""

    name: str
    version: str
    unzipped: int
    zipped: int


class BudgetError(Exception):
    """The layer is larger than its budget."""


def pack(tree: Path, target: Path) -> list[zipfile.ZipInfo]:
    """Zips all files of `tree`; returns the zip's entries.

    Raises:
        ValueError: `tree` holds a symbolic link.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in _files(tree):
            if path.is_symlink():
                raise ValueError(f"{path} is a link; a layer must hold files only")
            entry = zipfile.ZipInfo(path.relative_to(tree).as_posix(), _EARLIEST)
            mode = 0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644
            entry.create_system = 3  # Unix; otherwise the permissions are ignored
            entry.external_attr = (stat.S_IFREG | mode) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes(), compresslevel=9)
        return archive.infolist()


def by_package(entries: Sequence[zipfile.ZipInfo]) -> list[Package]:
    """Sums up the sizes of a layer's files by distribution; the largest comes first."""
    unzipped, zipped, versions = Counter[str](), Counter[str](), dict[str, str]()
    for entry in entries:
        name = _package(entry.filename)
        unzipped[name] += entry.file_size
        zipped[name] += entry.compress_size
        if found := re.search(r"-([^-/]+)\.dist-info/", entry.filename):
            versions[name] = found[1]
    return [
        Package(name, versions.get(name, ""), size, zipped[name])
        for name, size in unzipped.most_common()
    ]


def _package(filename: str) -> str:
    """Returns the distribution of a file below python/, from the folder names that pip makes."""
    parts = [part for part in PurePosixPath(filename).parts[1:] if part != "__pycache__"]
    name = re.split(r"[-.]", parts[0])[0].replace("_", "-")
    return _NAMES.get(name, name)


def table(packages: Sequence[Package]) -> str:
    """Formats the sizes as a table, with their sum in the last row."""
    total = Package("", "", sum(p.unzipped for p in packages), sum(p.zipped for p in packages))
    rows = [("package", "version", "unzipped", "zipped")]
    rows += [(p.name, p.version, f"{p.unzipped:,}", f"{p.zipped:,}") for p in [*packages, total]]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        f"{name:{widths[0]}}  {version:{widths[1]}}  {unzipped:>{widths[2]}}  {zipped:>{widths[3]}}"
        for name, version, unzipped, zipped in rows
    )


def check_budget(kind: str, size: int, limit: int | None, packages: Sequence[Package]) -> None:
    """Checks a size against its limit; None means no limit.

    Raises:
        BudgetError: it is larger; the message names the numbers and the largest packages.
    """
    if limit is None or size <= limit:
        return
    largest = ", ".join(f"{package.name} {package.unzipped:,}" for package in packages[:3])
    raise BudgetError(
        f"{size:,} bytes {kind} are {size - limit:,} more than the {limit:,} that are allowed; "
        f"the largest packages, unzipped: {largest}"
    )


def _files(path: Path) -> Iterator[Path]:
    """Yields a folder's files in sorted order, or `path` itself if it is a file."""
    if path.is_dir():
        found = sorted(path.rglob("*"))
        yield from (file for file in found if file.is_symlink() or not file.is_dir())
    else:
        yield path


def main(arguments: Sequence[str]) -> None:
    """Packs and prints the packages; exits, without a zip, if a budget is exceeded."""
    parser = argparse.ArgumentParser(prog="python -m layers.pack", description=__doc__)
    parser.add_argument("tree", type=Path, help="the folder whose content becomes /opt")
    parser.add_argument("target", type=Path, help="the zip to write")
    parser.add_argument(
        "--unzipped", type=int, metavar="BYTES", help="the largest size allowed, unzipped"
    )
    parser.add_argument(
        "--zipped", type=int, metavar="BYTES", help="the largest size allowed of the zip"
    )
    parser.add_argument(
        "--together-with",
        type=Path,
        nargs="*",
        default=[],
        metavar="PATH",
        help="files and folders that count toward --unzipped, too",
    )
    options = parser.parse_args(arguments)
    unfinished = options.target.with_suffix(".part")
    packages = by_package(pack(options.tree, unfinished))
    zipped = unfinished.stat().st_size
    unzipped = sum(package.unzipped for package in packages)
    others = sum(
        file.stat().st_size
        for path in options.together_with
        for file in _files(path)
        if file.suffix != ".pyc"
    )
    print(table(packages))
    try:
        check_budget("unzipped", unzipped + others, options.unzipped, packages)
        check_budget("zipped", zipped, options.zipped, packages)
    except BudgetError as error:
        unfinished.unlink()
        options.target.unlink(missing_ok=True)
        sys.exit(f"{options.target.name}: {error}")
    unfinished.replace(options.target)
    together = f", {unzipped + others:,} with the function" if others else ""
    print(f"{options.target}: {zipped:,} bytes, {unzipped:,} unzipped{together}")


if __name__ == "__main__":
    main(sys.argv[1:])
