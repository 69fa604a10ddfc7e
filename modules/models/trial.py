"""Tries an ONNX file in a process of its own, which may die of it; see `try_out`.

OpenCV 5.0.0 reads damaged files without much care: of 300 that were damaged at random, two ended
the process. A function that died so would die again for each image, whatever model served before.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from ..object_detection.onnx.importer import import_onnx

_SECONDS = 60


def try_out(onnx: NDArray[np.uint8]) -> None:
    """Has another process load `onnx`, `(bytes,) uint8`, into OpenCV and run it once.

    What is wrong with the file otherwise is for the import to say.

    Raises:
        ModelError: the process died, or did not end.
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        done = subprocess.run(  # noqa: S603 - this very Python, this very module
            [sys.executable, "-m", __name__],
            input=onnx.data,
            env=environment,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ModelError(f"OpenCV does not come to an end with it in {_SECONDS} s") from None
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        raise ModelError(
            f"OpenCV breaks down on it ({name}); is the file whole? ENGINE=onnxruntime may run it"
        )


def _main() -> None:
    onnx = np.frombuffer(bytearray(sys.stdin.buffer.read()), np.uint8)
    try:
        import_onnx(onnx)
    except ModelError:
        return  # the process that asked finds it out likewise, and says it


if __name__ == "__main__":
    _main()
