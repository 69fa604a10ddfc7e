"""Adds the notices that the LGPL demands to a layer; see `add_notices`.

The wheels hold the libraries as shared objects, which users can replace, but not always the text of
the licence, or the right place of the source.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from .bundled import Bundled, is_lgpl, shared_library

_TEXTS = Path(__file__).parent / "licence_texts"
# The third version consists of exceptions to the GPL, so its users need both texts
_TEXTS_OF = {
    "LGPL-2.1-or-later": ("LGPL-2.1.txt",),
    "LGPL-3.0-or-later": ("LGPL-3.0.txt", "GPL-3.0.txt"),
}


def add_notices(tree: Path) -> None:
    """Writes notices and licences for the libraries under the LGPL in each package's .libs folder.

    They go to the package's .dist-info/licenses: NOTICE-LGPL.txt, and the texts, LICENSE-*.txt.
    """
    for folder in sorted(tree.glob("*.libs")):
        files = sorted(path for path in folder.iterdir() if path.is_file())
        found = {path: shared_library(path.name, path.read_bytes()) for path in files}
        lgpl = {path: library for path, library in found.items() if is_lgpl(library.licence)}
        if lgpl:
            (metadata,) = tree.glob(f"{folder.stem}-*.dist-info")
            _write(metadata, lgpl)


def _write(metadata: Path, libraries: dict[Path, Bundled]) -> None:
    target = metadata / "licenses"
    target.mkdir(exist_ok=True)
    texts = sorted({text for library in libraries.values() for text in _texts(library)})
    for text in texts:
        shutil.copyfile(_TEXTS / text, target / f"LICENSE-{text}")
    notice = _notice(metadata.name.removesuffix(".dist-info").replace("-", " "), libraries, texts)
    (target / "NOTICE-LGPL.txt").write_text(notice)


def _texts(library: Bundled) -> Sequence[str]:
    """Returns the file names of the licence's texts."""
    return _TEXTS_OF[library.licence or ""]


def _notice(package: str, libraries: dict[Path, Bundled], texts: Sequence[str]) -> str:
    parts = [
        f"The wheel of {package} contains the shared libraries below, which are under the GNU\n"
        "Lesser General Public License. They are in this layer as they are in the wheel.\n"
    ]
    for path, library in libraries.items():
        parts.append(
            f"{library.name} {library.version}\n"
            f"  file:    {path.parent.name}/{path.name}\n"
            f"  licence: {library.licence}\n"
            f"  source:  {library.source}\n"
        )
    parts.append(
        "You may use another version of a library: put it into the layer's zip in place of the\n"
        "file above, under the same name, and deploy the layer again.\n"
    )
    parts.append(f"The licences are next to this file: LICENSE-{', LICENSE-'.join(texts)}\n")
    return "\n".join(parts)


if __name__ == "__main__":
    add_notices(Path(sys.argv[1]))
