"""Draws the sheet of `models compare` that docs/models.md shows, as docs/images/compare.jpg.

    .venv/bin/python demo/comparison_picture.py

It compares the model that comes with the project with itself at a larger input.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2

_ROOT = Path(__file__).parent.parent
_LARGER = [320, 256]  # pixels; the cfg has 256 x 192
_PICTURES = ("demo/market-1.jpg", "demo/market-3.jpg", "demo/market-7.jpg", "demo/market-10.jpg")


def main() -> int:
    """Compares the two models, and saves the picture that differs most as a JPEG."""
    with tempfile.TemporaryDirectory() as folder:
        larger, sheet = Path(folder, "fruits-320"), Path(folder, "sheet.png")
        shutil.copytree(_ROOT / "demo" / "fruits", larger)
        (larger / "model.json").write_text(json.dumps({"input": _LARGER}))
        command = [sys.executable, "-m", "modules", "models", "compare", "fruits", larger]
        options = ["--sheet", sheet, "--most", 1]
        subprocess.run(  # noqa: S603 - our own command
            [*map(str, (*command, *_PICTURES, *options))], cwd=_ROOT, check=True
        )
        target = str(_ROOT / "docs" / "images" / "compare.jpg")
        cv2.imwrite(target, cv2.imread(str(sheet)), [cv2.IMWRITE_JPEG_QUALITY, 85])
    print(target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
