"""Which requests break, and how; start at `Faults`.

That depends on the seed, the request and how often it came before, and on nothing else: it is the
same whatever the threads and processes around a proxy do.
"""

from __future__ import annotations

import enum
import hashlib
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


class Fault(enum.Enum):
    """What may happen to a request; the value says it in a table."""

    SLOW = "slow answer"
    ERROR = "500, not done"
    ERROR_AFTER = "500, done all the same"
    SLOW_DOWN = "503 SlowDown"
    RESET = "reset, not done"
    RESET_AFTER = "reset, done all the same"
    RESET_IN_BODY = "reset in mid-body"
    CUT = "closed in mid-body"
    TOO_LONG = "Content-Length too large"
    TOO_SHORT = "Content-Length too small"
    DENIED = "403 AccessDenied"
    EXPIRED = "400 ExpiredToken"


_IN_BODY = (Fault.RESET_IN_BODY, Fault.CUT, Fault.TOO_LONG, Fault.TOO_SHORT)

# Mostly what networks and a busy S3 do; refusals, which no retry in time helps against, are rare
WEIGHTS: Mapping[Fault, float] = {
    Fault.SLOW: 10,
    Fault.ERROR: 15,
    Fault.ERROR_AFTER: 10,
    Fault.SLOW_DOWN: 20,
    Fault.RESET: 15,
    Fault.RESET_AFTER: 10,
    Fault.RESET_IN_BODY: 6,
    Fault.CUT: 6,
    Fault.TOO_LONG: 2,
    Fault.TOO_SHORT: 2,
    Fault.DENIED: 3,
    Fault.EXPIRED: 1,
}


Choose = Callable[[str, str, int], Fault | None]  # method, path and how often those came before


@dataclass(frozen=True)
class Faults:
    """Breaks a share of all requests, 0 to 1; `weights` are of the kinds among them."""

    share: float
    seed: int = 0
    weights: Mapping[Fault, float] = field(default_factory=lambda: WEIGHTS)

    def __call__(self, method: str, path: str, number: int) -> Fault | None:
        """What happens to the `number`th request of a method for a path."""
        digest = hashlib.sha256(f"{self.seed} {method} {path} {number}".encode()).digest()
        first, second = (value / 2**64 for value in struct.unpack_from(">QQ", digest))
        if first >= self.share:
            return None
        weights = {
            fault: weight
            for fault, weight in self.weights.items()
            if method == "GET" or fault not in _IN_BODY  # nothing else is answered with a body
        }
        point = second * sum(weights.values())
        for fault, weight in weights.items():
            point -= weight
            if point < 0:
                return fault
        return None


def nothing(method: str, path: str, number: int) -> None:
    """Breaks no request."""
