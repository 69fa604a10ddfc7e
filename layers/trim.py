"""Deletes what the function never needs from the packages of a layer; start at `trim`."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

# Globs, from the layer's python/ folder. What they name must be missed by nothing that a detection
# runs; the layer is imported and used, with what is left, before it is trusted.
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
    # parts that are loaded only when asked for, and that detection never asks for
    "aws_lambda_powertools/event_handler",
    "boto3/data",
    "numpy/fft",
    "numpy/ma",
    "numpy/polynomial",
    "numpy/random",
    # Haar cascades
    "cv2/data",
    # ONNX Runtime's copy of itself for C programs, and all that is not inference
    "onnxruntime/backend",
    "onnxruntime/capi/libonnxruntime.so*",
    "onnxruntime/datasets",
    "onnxruntime/quantization",
    "onnxruntime/tools",
    "onnxruntime/transformers",
)
# boto3.client("s3"), and the "sts" that some credentials are fetched with; all else is 400 services
_SERVICES = {"s3", "sts"}
# Who wrote it and under which licence travels along; scanners read the version there.
_KEPT_METADATA = ("METADATA", "LICEN[CS]E*", "NOTICE*", "COPYING*", "AUTHORS*")


def trim(tree: Path) -> None:
    """Deletes from `tree`, a folder that packages were installed into."""
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
    """What botocore knows of endpoints, which every client reads whole, less the other services."""
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
