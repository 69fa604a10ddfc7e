"""Deletes files that the function never needs from a layer's packages; start at `trim`."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

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
    "botocore/data/*/*/examples-1.json",
    # parts that are imported on demand, and that detection never imports
    "aws_lambda_powertools/event_handler",
    "boto3/data",
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
# The function calls "s3"; "sts" fetches some kinds of credentials. botocore has 400 services
_SERVICES = {"s3", "sts"}
# Authors and licences stay in the layer, and scanners read the version from METADATA
_KEPT_METADATA = ("METADATA", "LICEN[CS]E*", "NOTICE*", "COPYING*", "AUTHORS*")


def trim(tree: Path) -> None:
    """Deletes unneeded files from `tree`, a folder into which packages were installed."""
    for pattern in UNUSED:
        for path in sorted(tree.glob(pattern)):
            _delete(path)
    for path in tree.glob("botocore/data/*"):
        if path.is_dir() and path.name not in _SERVICES:
            _delete(path)
    for path in tree.glob("botocore/data/endpoints.json"):
        path.write_text(only_services(path.read_text()))
    for path in sorted(tree.glob("*.dist-info/**/*")):
        if path.is_file() and not any(path.match(pattern) for pattern in _KEPT_METADATA):
            _delete(path)


def only_services(endpoints: str) -> str:
    """Removes the services that are not used from botocore's endpoints.json.

    Every client reads the whole file.
    """
    document = json.loads(endpoints)
    for partition in document["partitions"]:
        services = partition["services"]
        partition["services"] = {name: services[name] for name in services if name in _SERVICES}
    return json.dumps(document)


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    trim(Path(sys.argv[1]))
