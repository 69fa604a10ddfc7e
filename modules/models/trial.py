"""Loads an ONNX file in a subprocess, so that a native crash cannot kill the caller; see `try_out`.

OpenCV 5.0.0 reads damaged files without enough checks: of 300 files that were damaged at random,
two crashed the process. A crash would end the function's process again for each image, no matter
which model worked before.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from ..object_detection.engines.engine import NO_WEIGHTS, Weights
from ..object_detection.onnx.importer import import_onnx

_TIMEOUT_SECONDS = 60


def try_out(onnx: NDArray[np.uint8], weights: Weights = NO_WEIGHTS) -> None:
    """Loads `onnx`, `(bytes,) uint8`, into OpenCV in a subprocess, and runs it once.

    weights: those outside of `onnx`, by path; the subprocess has the same paths.

    Ignores ordinary errors of the file: the caller's own import raises them again.

    Raises:
        ModelError: the subprocess crashed, or did not end in time.
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        done = subprocess.run(  # noqa: S603 - runs this Python with this module
            [sys.executable, "-m", __name__, *weights],
            input=onnx.data,
            pass_fds=[int(path.rpartition("/")[2]) for path in weights],
            env=environment,
            capture_output=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ModelError(f"OpenCV does not finish loading it in {_TIMEOUT_SECONDS} s") from None
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        raise ModelError(
            f"OpenCV crashes on it ({name}); is the file complete? ENGINE=onnxruntime may run it"
        )


def _main() -> None:
    onnx = np.frombuffer(bytearray(sys.stdin.buffer.read()), np.uint8)
    try:
        import_onnx(onnx, weights={path: np.memmap(path, np.uint8, "r") for path in sys.argv[1:]})
    except ModelError:
        return  # the caller gets the same error from its own import, and reports it


if __name__ == "__main__":
    _main()
