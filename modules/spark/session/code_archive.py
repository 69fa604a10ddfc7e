"""Packs the code that jobs need into a zip, for `spark-submit --py-files`.

    python -m modules.spark.session.code_archive modules.zip

`CODE` is the one list of that code. `session.py` sends the same zip to the workers of a cluster.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

# Files and folders of modules/
CODE = (
    "__init__.py",
    "errors.py",
    "features",
    "models",
    "object_detection",
    "results",
    "settings.py",
    "spark",
    "storage",
    "telemetry/__init__.py",
    "telemetry/timings.py",
)
# Parts of these folders that only the commands or the function import
_LEFT_OUT = ("models/zoo/", "models/store.py")
_SUFFIXES = {".py", ".properties", ".ttf"}
_MODULES = Path(__file__).parents[2]


def write_code_archive(path: Path) -> None:
    """Writes the zip; every name in it begins with `modules/`."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in CODE:
            source = _MODULES / name
            for file in sorted(source.rglob("*")) if source.is_dir() else [source]:
                relative = file.relative_to(_MODULES).as_posix()
                if file.suffix in _SUFFIXES and not relative.startswith(_LEFT_OUT):
                    archive.write(file, f"modules/{relative}")


if __name__ == "__main__":
    write_code_archive(Path(sys.argv[1]))
