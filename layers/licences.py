"""Which licences packages are under, and whether the function may rest on them; see `licence_of`.

python -m layers.licences requirements.txt
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from email.message import Message
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

# SPDX identifiers. All let anybody run, change and sell what is built on them; none asks for the
# source of it, or for more than its own text beside it.
ALLOWED = frozenset(
    {"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "MIT", "MIT-0", "PSF-2.0"}
    | {"Zlib"}
)
# What packages wrote before License-Expression (PEP 639) asked for SPDX
_WRITTEN = {
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache-2.0": "Apache-2.0",
    "MIT": "MIT",
    "MIT License": "MIT",
}
_CLASSIFIED = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
}
_OPERATORS = {"AND", "OR", "WITH"}


class LicenceError(Exception):
    """A package says of no licence, or of one that is not allowed. The message names both."""


def licence_of(package: Message) -> str:
    """An SPDX expression of what a package's METADATA says.

    What it says in the field made for it comes first, then its free text, then its classifiers; of
    several classifiers one may choose.

    Raises:
        LicenceError: it says nothing that is understood.
    """
    if expression := package.get("License-Expression"):
        return str(expression)
    written = str(package.get("License", "")).strip()
    if written in _WRITTEN:
        return _WRITTEN[written]
    prefix = "License :: OSI Approved :: "
    classified = [
        text.removeprefix(prefix)
        for text in package.get_all("Classifier", [])
        if text.startswith(prefix)
    ]
    if classified and all(name in _CLASSIFIED for name in classified):
        return " OR ".join(sorted(_CLASSIFIED[name] for name in classified))
    said = "; ".join([written.partition("\n")[0], *classified]).strip("; ") or "nothing"
    raise LicenceError(
        f"{package['Name']} {package['Version']} says of its licence {said}; look it up, and say "
        "in layers/licences.py which SPDX identifier that is"
    )


def check_licence(name: str, expression: str) -> None:
    """Refuses an expression that names a licence outside ALLOWED.

    Also where there is a choice: whoever may choose should not have to know it.

    Raises:
        LicenceError: it does.
    """
    named = set(re.findall(r"[\w.+-]+", expression)) - _OPERATORS
    if strangers := sorted(named - ALLOWED):
        raise LicenceError(
            f"{name} is under {expression}, and {', '.join(strangers)} is not among the licences "
            f"that are allowed (layers/licences.py): {', '.join(sorted(ALLOWED))}"
        )


def locked_packages(lock: Path) -> list[str]:
    """The names of the packages in a lock file."""
    return re.findall(r"^([\w.-]+)==", lock.read_text(), re.MULTILINE)


def main(arguments: Sequence[str]) -> int:
    """Prints the licences of a lock file's packages, as they are installed; 1 if one won't do."""
    refused = 0
    for name in locked_packages(Path(arguments[0])):
        try:
            package = metadata(name)
            expression = licence_of(package)  # type: ignore[arg-type]  # a Message by any name
            print(f"{name:28}{package['Version']:14}{expression}")
            check_licence(name, expression)
        except PackageNotFoundError:
            refused += 1
            print(f"{name} is not installed here; `make setup` installs it", file=sys.stderr)
        except LicenceError as error:
            refused += 1
            print(error, file=sys.stderr)
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
