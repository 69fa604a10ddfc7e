"""Lists the Rust crates that were compiled into a layer's packages; see `add_crates`.

Their licences demand that whoever passes them on names them. A wheel that was built from Rust has
a bill of materials, which is too large for a layer; the list keeps what it says of names, versions
and licences.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from .bundled import Bundled

NOTICE = "NOTICE-crates.txt"
_HEAD = """\
These Rust crates were compiled into {package}, as the bill of materials in its wheel says.
Each line is a crate's name, its version and its licence, as an SPDX expression
(https://spdx.org/licenses/). Text, authors and source are published with the crate.

"""


def add_crates(tree: Path) -> None:
    """Writes the list into each package's .dist-info/licenses that has such crates."""
    for document in sorted(tree.glob("*.dist-info/sboms/*.json")):
        components = json.loads(document.read_text()).get("components", ())
        lines = sorted(
            f"{item['name']} {item['version']} {_licence(item)}\n"
            for item in components
            if item.get("purl", "").startswith("pkg:cargo/")
        )
        if lines:
            metadata = document.parent.parent
            target = metadata / "licenses" / NOTICE
            target.parent.mkdir(exist_ok=True)
            package = metadata.name.removesuffix(".dist-info").replace("-", " ")
            target.write_text(_HEAD.format(package=package) + "".join(lines))


def read_crates(notice: str) -> Iterator[Bundled]:
    """Yields the crates of a list that `add_crates` wrote."""
    for line in notice.partition("\n\n")[2].splitlines():
        name, version, licence = line.split(" ", 2)
        yield Bundled(name, version, licence)


def _licence(component: dict[str, list[dict[str, str]]]) -> str:
    """Returns a crate's licence as an SPDX expression."""
    ((choice,),) = [list(found.values()) for found in component["licenses"]]
    return " ".join(choice.split())


if __name__ == "__main__":
    add_crates(Path(sys.argv[1]))
