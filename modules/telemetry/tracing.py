"""Sends the stages of an image to AWS X-Ray; start at `send_image`.

If a function is deployed with tracing, Lambda creates a segment for each invocation, names it in
the environment, and runs a daemon that receives subsegments over UDP:
https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html#xray-api-daemon
One datagram per image is enough, so that the layer does not need the X-Ray SDK.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
from collections.abc import Mapping, Sequence
from typing import Any

from .timings import Span

_HEADER = b'{"format": "json", "version": 1}\n'


def send_image(
    key: str | None, spans: Sequence[Span], annotations: Mapping[str, str | int]
) -> None:
    """Sends an image's stages as a subsegment of the invocation; does nothing without tracing.

    X-Ray can search traces by their annotations. The key is metadata, which X-Ray only shows.
    """
    parent = _parent(os.environ.get("_X_AMZN_TRACE_ID", ""))
    daemon = _daemon(os.environ.get("AWS_XRAY_DAEMON_ADDRESS", ""))
    if not (parent and daemon and spans):
        return
    document = {
        **parent,
        "type": "subsegment",
        "name": "image",
        "id": _new_id(),
        "start_time": spans[0].start,
        "end_time": max(span.start + span.seconds for span in spans),
        "annotations": dict(annotations),
        "metadata": {"object-detection": {"key": key}},
        "subsegments": [_describe(span) for span in spans],
    }
    # A trace may be lost, like every datagram; the image must not fail because of it
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(_HEADER + json.dumps(document).encode(), daemon)


def _parent(header: str) -> dict[str, str] | None:
    """Reads trace and parent from "Root=1-…;Parent=…;Sampled=1"; None if not sampled."""
    fields = dict(part.split("=", 1) for part in header.split(";") if "=" in part)
    if fields.get("Sampled") != "1" or not {"Root", "Parent"} <= fields.keys():
        return None
    return {"trace_id": fields["Root"], "parent_id": fields["Parent"]}


def _daemon(address: str) -> tuple[str, int] | None:
    """Reads the daemon's UDP address from "HOST:PORT" or "tcp:HOST:PORT udp:HOST:PORT"."""
    found = re.search(r"(?:^|udp:)([^:\s]+):(\d+)(?:\s|$)", address)
    return (found[1], int(found[2])) if found else None


def _describe(span: Span) -> dict[str, Any]:
    return {
        "id": _new_id(),
        "name": span.name,
        "start_time": span.start,
        "end_time": span.start + span.seconds,
    }


def _new_id() -> str:
    return os.urandom(8).hex()
