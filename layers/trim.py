"""Deletes files that the function never needs from a layer's packages; start at `trim`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from .symbols import without_symbols

# Globs, relative to the layer's python/ folder. No code that a detection runs may need these files;
# layers/prove.py imports and uses the layer without them.
UNUSED = (
    "bin",
    # tests, and what only they import
    "**/tests",
    "numpy/conftest.py",
    "numpy/testing",
    "numpy/_core/_*_tests.*.so",
    "numpy/_core/_simd.*.so",
    # for compilers and type checkers
    "**/*.pyi",
    "**/*.pxd",
    "**/*.pyx",
    "**/py.typed",
    "numpy/_core/include",
    "numpy/_core/lib",
    "numpy/f2py",
    # documentation
    "**/examples",
    # parts that are imported on demand, and that detection never imports
    "obstore/auth",
    "obstore/fsspec.py",
    "numpy/fft",
    "numpy/ma",
    "numpy/polynomial",
    "numpy/random",
    # Haar cascades
    "cv2/data",
    # Pillow: fonts, WebP (OpenCV reads it), arithmetic, morphology, windows and screens
    "PIL/_imagingft.*.so",
    "PIL/_imagingmath.*.so",
    "PIL/_imagingmorph.*.so",
    "PIL/_imagingtk.*.so",
    "PIL/_tkinter_finder.py",
    "PIL/_webp.*.so",
    "PIL/ImageDraw*.py",
    "PIL/ImageFont.py",
    "PIL/ImageGrab.py",
    "PIL/ImageMath.py",
    "PIL/ImageMorph.py",
    "PIL/ImageQt.py",
    "PIL/ImageShow.py",
    "PIL/ImageText.py",
    "PIL/ImageTk.py",
    "PIL/ImageWin.py",
    # the libraries that only these extensions need
    "pillow.libs/libbrotli*",
    "pillow.libs/libfreetype-*",
    "pillow.libs/libharfbuzz-*",
    "pillow.libs/libpng16-*",
    "pillow.libs/libsharpyuv-*",
    "pillow.libs/libwebp*",
    # ONNX Runtime's copy of its library for C programs, and everything that is not inference
    "onnxruntime/backend",
    "onnxruntime/capi/libonnxruntime.so*",
    "onnxruntime/datasets",
    "onnxruntime/quantization",
    "onnxruntime/tools",
    "onnxruntime/transformers",
)
# Authors and licences stay in the layer, and scanners read the version from METADATA
_KEPT_METADATA = ("METADATA", "LICEN[CS]E*", "NOTICE*", "COPYING*", "AUTHORS*")


def trim(tree: Path) -> None:
    """Deletes unneeded files from `tree`, a folder into which packages were installed."""
    for pattern in UNUSED:
        for path in sorted(tree.glob(pattern)):
            _delete(path)
    for path in sorted(tree.glob("obstore/*.so")):
        path.write_bytes(without_symbols(path.read_bytes()))
    for path in sorted(tree.glob("*.dist-info/**/*")):
        if path.is_file() and not any(path.match(pattern) for pattern in _KEPT_METADATA):
            _delete(path)


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    trim(Path(sys.argv[1]))
