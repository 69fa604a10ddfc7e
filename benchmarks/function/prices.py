"""The price of images on Lambda, by memory; see `price`.

List prices of us-east-1: aws.amazon.com/lambda/pricing and aws.amazon.com/s3/pricing.
"""

from __future__ import annotations

MEMORIES = (256, 512, 1024, 1769, 3538)  # MB
S3_SECONDS = 0.04  # that a network adds to one HEAD, one GET and two PUTs, one after the other

_GB_SECOND = 0.0000166667  # dollars, x86-64
_REQUEST = 0.20 / 1e6
_PUT, _GET = 0.005 / 1e3, 0.0004 / 1e3
_IMAGE = _REQUEST + 2 * _PUT + 2 * _GET  # HEAD has the price of GET


def price(memory: int, seconds: float) -> float:
    """Returns the dollars for a million images that are billed `seconds` each at `memory` MB."""
    return 1e6 * (_IMAGE + seconds * memory / 1024 * _GB_SECOND)
