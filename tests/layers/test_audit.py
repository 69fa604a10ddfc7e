"""`make audit` against local services: reports vulnerabilities, and services without an answer."""

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from layers.audit import CLEAN, FOUND, NO_ANSWER, main, read_pip_audit

ROOT = Path(__file__).parents[2]
# In the form of the answers of https://api.osv.dev/v1/query and npm's advisories/bulk
OSV_FLAW = {
    "vulns": [
        {
            "id": "PYSEC-2099-1",
            "summary": "it counts to seven",
            "affected": [
                {
                    "package": {"name": "obstore", "ecosystem": "PyPI"},
                    "ranges": [
                        {
                            "type": "ECOSYSTEM",
                            "events": [{"introduced": "0"}, {"fixed": "1.99.0"}],
                        }
                    ],
                }
            ],
        }
    ]
}
NPM_FLAW = {
    "osls": [
        {
            "id": 1,
            "url": "https://example.com/advisory",
            "title": "deploys too much",
            "severity": "high",
            "vulnerable_versions": "<99.0.0",
            "cwe": [],
            "cvss": {"score": 0, "vectorString": None},
        }
    ]
}


class Services:
    """OSV and npm's registry, as far as audits use them. `flaws` holds "pip", "npm" or both."""

    def __init__(self) -> None:
        self.flaws: set[str] = set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer: object = {}
                if self.path == "/osv":
                    if "pip" in outer.flaws and json.loads(body)["package"]["name"] == "obstore":
                        answer = OSV_FLAW
                elif self.path.endswith("/advisories/bulk") and "npm" in outer.flaws:
                    answer = NPM_FLAW
                data = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Services]:
    found = Services()
    threading.Thread(target=found.server.serve_forever, daemon=True).start()
    use(monkeypatch, found.address, tmp_path)
    yield found
    found.server.shutdown()
    found.server.server_close()


def use(monkeypatch: pytest.MonkeyPatch, address: str, cache: Path) -> None:
    monkeypatch.setenv("PIP_AUDIT_VULNERABILITY_SERVICE", "osv")
    monkeypatch.setenv("PIP_AUDIT_OSV_URL", f"{address}/osv")
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setenv("npm_config_registry", address)
    monkeypatch.setenv("npm_config_fetch_retries", "0")


def test_no_known_vulnerabilities_is_clean(
    services: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["requirements.txt"]) == CLEAN

    assert capsys.readouterr().out.count("no known vulnerabilities") == 2


def test_a_vulnerability_is_named_with_the_version_that_fixes_it(
    services: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    services.flaws = {"pip", "npm"}

    assert main(["requirements.txt"]) == FOUND

    output = capsys.readouterr().out
    assert "FOUND      obstore 0.12.1: PYSEC-2099-1, fixed in 1.99.0" in output
    assert "FOUND      osls: high: deploys too much" in output


@pytest.mark.parametrize("kind", ["pip", "npm"])
def test_one_finding_is_enough(services: Services, kind: str) -> None:
    services.flaws = {kind}

    assert main(["requirements.txt"]) == FOUND


def test_services_that_do_not_answer_have_their_own_exit_code(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        use(monkeypatch, f"http://127.0.0.1:{unused.getsockname()[1]}", tmp_path)

        assert main(["requirements.txt"]) == NO_ANSWER

    output = capsys.readouterr().out
    assert output.count("NO ANSWER") == 2
    assert "no known vulnerabilities" not in output


def test_a_package_that_pip_audit_skips_counts_as_unanswered() -> None:
    skipped = {"name": "six", "skip_reason": "Dependency not found on PyPI: six (1.17.0)"}
    output = json.dumps({"dependencies": [skipped], "fixes": []})

    answer = read_pip_audit(output, "No known vulnerabilities found")

    assert answer.unanswered == (skipped["skip_reason"],)
    assert answer.exit_code == NO_ANSWER
