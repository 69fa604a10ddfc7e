"""What X-Ray's daemon would receive; here a socket stands in for it."""

import json
import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from modules.cli.local_aws.aws import LocalAws
from modules.telemetry.timings import Span
from modules.telemetry.tracing import send_image

TRACE = "1-5759e988-bd862e3fe1be46a994272793"
PARENT = "53995c3f42cd8ad8"
SPANS = [Span("fetch", 1_800_000_000.25, 0.5), Span("infer", 1_800_000_001.0, 0.125)]


class Daemon:
    """Listens on the address that AWS_XRAY_DAEMON_ADDRESS names."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)  # what was sent on this machine is there
        self.address = f"127.0.0.1:{self.socket.getsockname()[1]}"

    def received(self) -> list[Any]:
        """Returns the documents that arrived; each must follow the header that X-Ray requires."""
        found: list[Any] = []
        while True:
            try:
                header, _, document = self.socket.recv(65536).partition(b"\n")
            except BlockingIOError:
                return found
            assert json.loads(header) == {"format": "json", "version": 1}
            found.append(json.loads(document))


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    found = Daemon()
    monkeypatch.setenv("AWS_XRAY_DAEMON_ADDRESS", found.address)
    monkeypatch.setenv("_X_AMZN_TRACE_ID", f"Root={TRACE};Parent={PARENT};Sampled=1")
    yield found
    found.socket.close()


def test_an_image_is_a_subsegment_of_the_invocation_and_contains_its_stages(
    daemon: Daemon,
) -> None:
    send_image("input/a.png", SPANS, {"detections": 2})

    (image,) = daemon.received()
    assert (image["type"], image["name"]) == ("subsegment", "image")
    assert (image["trace_id"], image["parent_id"]) == (TRACE, PARENT)
    assert (image["start_time"], image["end_time"]) == (1_800_000_000.25, 1_800_000_001.125)
    assert image["annotations"] == {"detections": 2}
    assert image["metadata"] == {"object-detection": {"key": "input/a.png"}}
    stages = [(one["name"], one["start_time"], one["end_time"]) for one in image["subsegments"]]
    assert stages == [
        ("fetch", 1_800_000_000.25, 1_800_000_000.75),
        ("infer", 1_800_000_001.0, 1_800_000_001.125),
    ]
    ids = {image["id"], *(stage["id"] for stage in image["subsegments"])}
    assert len(ids) == 3
    assert all(re.fullmatch("[0-9a-f]{16}", each) for each in ids)


def test_the_xray_api_accepts_the_document(daemon: Daemon) -> None:
    send_image("input/a.png", SPANS, {"digest": "sha256:ab", "detections": 2})
    (image,) = daemon.received()

    with LocalAws() as aws:
        xray = aws.client("xray")
        answer = xray.put_trace_segments(TraceSegmentDocuments=[json.dumps(image)])
        traces = xray.batch_get_traces(TraceIds=[TRACE])["Traces"]

    assert answer["UnprocessedTraceSegments"] == []
    (segment,) = traces[0]["Segments"]
    assert segment["Id"] == image["id"]


@pytest.mark.parametrize(
    "header",
    ["", f"Root={TRACE};Parent={PARENT};Sampled=0", f"Root={TRACE};Sampled=1", "what;is=this"],
)
def test_nothing_is_sent_if_the_invocation_is_not_traced(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch, header: str
) -> None:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", header)

    send_image("input/a.png", SPANS, {})

    assert daemon.received() == []


@pytest.mark.parametrize("form", ["{}", "udp:{}", "tcp:127.0.0.1:1 udp:{}", "udp:{} tcp:[::1]:1"])
def test_the_address_of_the_daemon_may_name_the_protocol(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setenv("AWS_XRAY_DAEMON_ADDRESS", form.format(daemon.address))

    send_image("input/a.png", SPANS, {})

    assert len(daemon.received()) == 1


@pytest.mark.parametrize("address", ["", "nobody", "no.such.host.invalid:2000", "127.0.0.1:9"])
def test_an_image_does_not_fail_without_a_daemon(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("AWS_XRAY_DAEMON_ADDRESS", address)

    send_image("input/a.png", SPANS, {})

    assert daemon.received() == []
