"""Sets the number of threads of OpenCV and ONNX Runtime on Lambda; see `use_share_of_cores`.

Lambda shows every function two cores or more, but lets it use them only for a share of the time,
which depends on its memory. Threads without a full core spend this time waiting for each other: at
512 MB, a second thread makes an image take up to 50 % longer in OpenCV, and three times as long in
ONNX Runtime, whose threads wait actively (benchmarks/RESULTS.md).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import cv2

# The memory that comes with one vCPU:
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
MB_PER_CORE = 1769


def use_share_of_cores(environment: Mapping[str, str]) -> None:
    """Sets OpenCV's number of threads to the number of cores that the function's memory buys.

    The engines use the same number. A part of a core counts as a whole one. Does nothing if
    `environment`, the process's, is not Lambda's.
    """
    memory = environment.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
    if memory:
        cv2.setNumThreads(min(cv2.getNumberOfCPUs(), math.ceil(int(memory) / MB_PER_CORE)))
