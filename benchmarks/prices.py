"""What an image costs on Lambda, by memory; see `price` and `cpu_seconds`.

List prices of us-east-1: aws.amazon.com/lambda/pricing and aws.amazon.com/s3/pricing.
"""

from __future__ import annotations

MEMORIES = (256, 384, 512, 768, 1024, 1280, 1536, 1769, 2048, 2560, 3008, 3538)  # MB
S3_SECONDS = 0.06  # one HEAD, one GET and two PUTs, one after the other, within a region

_GB_SECOND = 0.0000166667  # dollars, x86-64
_REQUEST = 0.20 / 1e6
_PUT, _GET = 0.005 / 1e3, 0.0004 / 1e3
_IMAGE = _REQUEST + 2 * _PUT + 2 * _GET  # HEAD is priced as GET is

# docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html: one vCPU's worth
CORE_MB = 1769


def price(memory: int, seconds: float) -> float:
    """Dollars for a million images, of `seconds` billed each at `memory` MB."""
    return 1e6 * (_IMAGE + seconds * memory / 1024 * _GB_SECOND)


def cpu_seconds(memory: int, one_core: float, two_cores: float) -> float:
    """Seconds that work takes at `memory` MB, of which it takes so many on one core, and on two.

    Up to a core, time is in inverse proportion to the share of it; between one and two, the speed
    grows with the share from the one measured to the other.
    """
    cores = memory / CORE_MB
    if cores <= 1:
        return one_core / cores
    share = min(cores, 2.0) - 1
    return 1 / ((1 - share) / one_core + share / two_cores)
