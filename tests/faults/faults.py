"""Decides which requests fail, and how; start at `Faults`.

The decision depends only on the seed, the request, and how often the same request was sent before,
so that it is reproducible whatever the order of threads and processes is.
"""

from __future__ import annotations

import enum
import hashlib
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


class Fault(enum.Enum):
    """What may happen to a request. The value is the text for tables."""

    SLOW = "slow answer"
    ERROR = "500, not done"
    ERROR_AFTER = "500, but done"
    SLOW_DOWN = "503 SlowDown"
    RESET = "reset, not done"
    RESET_AFTER = "reset, but done"
    RESET_IN_BODY = "reset in the body"
    CUT = "closed in the body"
    TOO_LONG = "Content-Length too large"
    TOO_SHORT = "Content-Length too small"
    DENIED = "403 AccessDenied"
    EXPIRED = "400 ExpiredToken"


_IN_BODY = (Fault.RESET_IN_BODY, Fault.CUT, Fault.TOO_LONG, Fault.TOO_SHORT)

# Mostly what networks and a busy S3 do. Refusals are rare: no quick retry helps against them
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

Choose = Callable[[str, str, int], Fault | None]  # method, path, how often both came before


@dataclass(frozen=True)
class Faults:
    """Breaks a random share of all requests.

    share: 0 to 1. weights: how frequent each kind of fault is.
    """

    share: float
    seed: int = 0
    weights: Mapping[Fault, float] = field(default_factory=lambda: WEIGHTS)

    def __call__(self, method: str, path: str, number: int) -> Fault | None:
        """Returns what happens to request `number`, from 0, of this method and path."""
        digest = hashlib.sha256(f"{self.seed} {method} {path} {number}".encode()).digest()
        first, second = (value / 2**64 for value in struct.unpack_from(">QQ", digest))
        if first >= self.share:
            return None
        weights = {
            fault: weight
            for fault, weight in self.weights.items()
            if method == "GET" or fault not in _IN_BODY  # only GET has a body in its answer
        }
        point = second * sum(weights.values())
        for fault, weight in weights.items():
            point -= weight
            if point < 0:
                return fault
        return None


def no_fault(method: str, path: str, number: int) -> None:
    """Breaks no request."""
