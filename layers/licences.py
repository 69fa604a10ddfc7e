"""Reads packages' licences and checks that the function may use them; start at `licence_of`.

python -m layers.licences requirements.txt
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from email.message import Message
from importlib.metadata import PackageNotFoundError, files, metadata
from pathlib import Path

from .bundled import Bundled, is_lgpl, shared_library

# SPDX identifiers. Each of these allows everybody to run, change and sell the software. None
# demands the source code, or more than a copy of the licence's text.
ALLOWED = frozenset(
    {"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "MIT", "MIT-0", "MIT-CMU"}
    | {"PSF-2.0", "Zlib"}
)
# What older packages write: License-Expression (PEP 639) demands SPDX identifiers, License did not
_FREE_TEXTS = {
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache-2.0": "Apache-2.0",
    "BSD-3-Clause": "BSD-3-Clause",
    "MIT": "MIT",
    "MIT License": "MIT",
}
_CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
}
_OPERATORS = {"AND", "OR", "WITH"}


class LicenceError(Exception):
    """A package states no licence, or one that is not allowed. The message names both."""


def licence_of(package: Message) -> str:
    """Returns the licence in a package's METADATA as an SPDX expression.

    License-Expression is read first, then the free text of License, then the classifiers. Several
    classifiers are alternatives ("OR").

    Raises:
        LicenceError: the metadata state no licence that is understood.
    """
    if expression := package.get("License-Expression"):
        return str(expression)
    written = str(package.get("License", "")).strip()
    if written in _FREE_TEXTS:
        return _FREE_TEXTS[written]
    prefix = "License :: OSI Approved :: "
    classified = [
        text.removeprefix(prefix)
        for text in package.get_all("Classifier", [])
        if text.startswith(prefix)
    ]
    if classified and all(name in _CLASSIFIERS for name in classified):
        return " OR ".join(sorted(_CLASSIFIERS[name] for name in classified))
    said = "; ".join([written.partition("\n")[0], *classified]).strip("; ") or "nothing"
    raise LicenceError(
        f"{package['Name']} {package['Version']} states as its licence: {said}. Look it up, and "
        "add its SPDX identifier to layers/licences.py"
    )


def check_licence(name: str, expression: str) -> None:
    """Checks that an SPDX expression names only licences in ALLOWED.

    Every alternative of an "OR" must be allowed, so that nobody has to make a choice.

    Raises:
        LicenceError: the expression names another licence.
    """
    named = set(re.findall(r"[\w.+-]+", expression)) - _OPERATORS
    if others := sorted(named - ALLOWED):
        raise LicenceError(
            f"{name} is under {expression}, and {', '.join(others)} is not among the licences "
            f"that are allowed (layers/licences.py): {', '.join(sorted(ALLOWED))}"
        )


def check_library(name: str, expression: str, *, is_shared: bool) -> None:
    """Checks the licence of a library inside a package; of an "OR", one alternative is enough.

    The LGPL demands that users can replace the library: it must be a shared one. The GPL is
    refused, except with GCC's exception for its libraries.

    Raises:
        LicenceError: the licence does not allow to pass on the library this way.
    """
    if any(_may_be_bundled(choice, is_shared) for choice in expression.split(" OR ")):
        return
    how = "a shared library" if is_shared else "compiled in"
    raise LicenceError(
        f"{name} is {how} and under {expression}. Libraries under the LGPL must be shared ones, so "
        "that users can replace them, and libraries under the GPL cannot be part of a layer"
    )


def _may_be_bundled(choice: str, is_shared: bool) -> bool:
    parts = choice.split(" AND ")
    is_gpl = any(part.startswith(("AGPL-", "GPL-")) and " WITH " not in part for part in parts)
    return not is_gpl and (is_shared or not any(part.startswith("LGPL-") for part in parts))


def locked_packages(lock: Path) -> list[str]:
    """Returns the names of the packages in a lock file, without those of older Pythons alone."""
    older = r"(?! ; python_full_version < '3\.13')"
    return re.findall(rf"^([\w.-]+)==\S+(?=\s){older}", lock.read_text(), re.MULTILINE)


def bundled_libraries(package: str) -> list[Bundled]:
    """Returns the shared libraries in an installed package whose licences are known."""
    found = (
        shared_library(str(file), file.read_binary())
        for file in files(package) or ()
        if file.parent.suffix == ".libs"
    )
    return sorted((library for library in found if library.licence), key=lambda one: one.name)


def main(arguments: Sequence[str]) -> int:
    """Prints the licences of a lock file's installed packages, and their libraries under the LGPL.

    Returns:
        1 if one is not allowed, otherwise 0.
    """
    refused = 0
    for name in locked_packages(Path(arguments[0])):
        try:
            package = metadata(name)
            expression = licence_of(package)  # type: ignore[arg-type]  # a Message by any name
            print(f"{name:28}{package['Version']:14}{expression}")
            check_licence(name, expression)
            for library in bundled_libraries(name):
                licence = library.licence or ""
                check_library(f"{library.name} in {name}", licence, is_shared=True)
                if is_lgpl(licence):
                    print(f"  {library.name:26}{library.version or '':14}{licence}, shared library")
        except PackageNotFoundError:
            refused += 1
            print(f"{name} is not installed here; `make setup` installs it", file=sys.stderr)
        except LicenceError as error:
            refused += 1
            print(error, file=sys.stderr)
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
