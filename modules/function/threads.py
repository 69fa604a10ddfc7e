"""How many threads OpenCV and ONNX Runtime are to have on Lambda; see `use_share_of_cores`.

Lambda shows every function two cores or more, and lets it run for a share of the time that its
memory buys. Threads that have no core of their own wait for each other with that time: at 512 MB a
second one makes an image take up to a half longer in OpenCV, and three times as long in ONNX
Runtime, whose threads wait busily (benchmarks/RESULTS.md).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import cv2

# docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html: the equivalent of one vCPU
MB_PER_CORE = 1769


def use_share_of_cores(environment: Mapping[str, str]) -> None:
    """Sets OpenCV's threads, which engines go by, to the cores that the function's memory buys.

    A part of a core counts as one. `environment` is the process's; where it is not Lambda's, each
    core has its thread, as ever.
    """
    memory = environment.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
    if memory:
        cv2.setNumThreads(min(cv2.getNumberOfCPUs(), math.ceil(int(memory) / MB_PER_CORE)))
