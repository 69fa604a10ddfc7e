"""The price of images on Lambda, by memory; see `price`.

List prices of us-east-1: aws.amazon.com/lambda/pricing and aws.amazon.com/s3/pricing.
"""

from __future__ import annotations

MEMORIES = (256, 512, 1024, 1769, 3538)  # MB
# That a network adds to four requests, one after the other: a HEAD, a GET and two PUTs; or, where
# nothing is drawn, two HEADs, a GET and a PUT
S3_SECONDS = 0.04

_GB_SECOND = 0.0000166667  # dollars, x86-64
_REQUEST = 0.20 / 1e6
_PUT, _GET = 0.005 / 1e3, 0.0004 / 1e3
_DRAWN = _REQUEST + 2 * _PUT + 2 * _GET  # HEAD has the price of GET
_NOT_DRAWN = _REQUEST + _PUT + 3 * _GET


def price(memory: int, seconds: float, *, is_drawn: bool = True) -> float:
    """Returns the dollars for a million images that are billed `seconds` each at `memory` MB.

    is_drawn: False for `DRAW=none`, which publishes the document alone.
    """
    image = _DRAWN if is_drawn else _NOT_DRAWN
    return 1e6 * (image + seconds * memory / 1024 * _GB_SECOND)
