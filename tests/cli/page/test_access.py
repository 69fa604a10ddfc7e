"""Nobody but the browser with the address can use the page."""

import http.client
import re
from urllib.parse import urlsplit

import pytest

from tests.cli.page.conftest import TOKEN, Served

Answer = tuple[int, dict[str, str], bytes]


def ask(served: Served, method: str, path: str, **headers: str) -> Answer:
    """Sends a request whose headers are exactly those that are given."""
    parts = urlsplit(served.address)
    assert parts.hostname
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=120)
    headers = {"Host": parts.netloc, **headers}
    connection.request(
        method, path, headers={name.replace("_", "-"): v for name, v in headers.items()}
    )
    answer = connection.getresponse()
    found = answer.status, dict(answer.getheaders()), answer.read()
    connection.close()
    return found


def origin(served: Served) -> str:
    return "http://" + urlsplit(served.address).netloc


def test_the_page_allows_nothing_from_other_hosts_and_no_inline_code(served: Served) -> None:
    status, headers, body = ask(served, "GET", f"/{TOKEN}/")
    assert status == 200
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert not re.findall(rb"https?://", body)


@pytest.mark.parametrize("path", ["/", "/wrong/", f"/{TOKEN[:-1]}/", "/site", f"/{TOKEN}x/site"])
def test_without_the_token_there_is_no_page(served: Served, path: str) -> None:
    status, _, body = ask(served, "GET", path)
    assert status == 404
    assert b"whole address" in body


def test_a_foreign_name_for_this_machine_is_refused(served: Served) -> None:
    status, _, _ = ask(served, "GET", f"/{TOKEN}/", Host="attacker.example")
    assert status == 403


def test_requests_of_other_sites_are_refused(served: Served) -> None:
    for headers in ({"Origin": "http://attacker.example"}, {"Sec_Fetch_Site": "cross-site"}):
        assert ask(served, "GET", f"/{TOKEN}/site", **headers)[0] == 403
    assert ask(served, "GET", f"/{TOKEN}/site", Origin="null")[0] == 403


def test_changes_need_the_origin_that_browsers_send(served: Served) -> None:
    path = f"/{TOKEN}/retry"
    assert ask(served, "POST", path)[0] == 403
    assert ask(served, "POST", path, Origin="http://attacker.example")[0] == 403
    assert ask(served, "POST", path, Origin=origin(served))[0] != 403


def test_the_server_listens_on_this_machine_only(served: Served) -> None:
    assert urlsplit(served.address).hostname == "127.0.0.1"


@pytest.mark.parametrize(
    "path", ["static/../page.html", "static/%2e%2e/server.py", "static/none.js"]
)
def test_only_the_files_of_the_page_are_served(served: Served, path: str) -> None:
    assert ask(served, "GET", f"/{TOKEN}/{path}")[0] in (404, 308)


def test_objects_outside_the_prefixes_are_not_shown(served: Served) -> None:
    served.client.put_object(Bucket=served.site.bucket, Key="private/x.jpg", Body=b"x")
    status, _, body = ask(served, "GET", f"/{TOKEN}/view?key=private/x.jpg&of=original&side=320")
    assert status == 400
    assert b"not under input/" in body
    model = "models/colours/colours.names"
    assert ask(served, "GET", f"/{TOKEN}/annotated?key={model}")[0] in (400, 404)


def test_a_document_cannot_make_the_page_show_another_object(served: Served) -> None:
    document = b'{"annotated": {"key": "models/colours/colours.names"}, "detections": []}'
    served.client.put_object(Bucket=served.site.bucket, Key="output/a.jpg.json", Body=document)
    status, _, body = ask(served, "GET", f"/{TOKEN}/annotated?key=input/a.jpg")
    assert status == 400
    assert b"not under output/" in body


def test_what_is_no_picture_is_sent_as_bytes_that_no_browser_runs(served: Served) -> None:
    document = b'{"annotated": {"key": "output/a.html"}, "detections": []}'
    served.client.put_object(Bucket=served.site.bucket, Key="output/a.jpg.json", Body=document)
    served.client.put_object(
        Bucket=served.site.bucket, Key="output/a.html", Body=b"<script>1</script>"
    )
    status, headers, _ = ask(served, "GET", f"/{TOKEN}/annotated?key=input/a.jpg")
    assert status == 200
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["Content-Disposition"] == "attachment"


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "view"), ("GET", "view?key=input/a&side=7"), ("GET", "result"), ("POST", "results")],
)
def test_malformed_requests_are_refused(served: Served, method: str, path: str) -> None:
    assert ask(served, method, f"/{TOKEN}/{path}", Origin=origin(served))[0] in (400, 415)
