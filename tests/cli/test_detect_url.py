"""`detect --url`: what is sent, and what is printed and written."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSRequest

from modules.cli import main
from modules.cli.function_url import MAX_PICTURE_BYTES
from modules.cli.local_aws.bucket import BUCKET, LocalBucket
from modules.cli.local_aws.execution_environment import Outcome
from modules.cli.local_aws.function_url import FunctionUrl
from modules.settings import Settings
from tests.cli.detecting import Run, image
from tests.function.local_function import LocalFunction

KEYS = "testing", "testing"


class Deployed:
    """The real function behind a function URL; `events` are those that it was sent."""

    def __init__(self, bucket: LocalBucket, colour_model: Path) -> None:
        bucket.upload_model(colour_model)
        self._function = LocalFunction(Settings(model=f"s3://{BUCKET}/models/colours/"))
        self.events: list[Any] = []
        self.url = FunctionUrl(self._invoke, KEYS, "us-east-1")

    def _invoke(self, payload: bytes) -> Outcome:
        self.events.append(json.loads(payload))
        answer = self._function.handle(self.events[-1])
        return Outcome(json.dumps(answer).encode(), is_error=False, log="")


@pytest.fixture
def deployed(
    bucket: LocalBucket, colour_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Deployed]:
    """A deployed function; the test runs in the folder `home`."""
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path / "home")
    deployed = Deployed(bucket, colour_model)
    yield deployed
    deployed.url.close()


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> Run:
    code = main(["detect", *map(str, arguments)])
    out, err = capsys.readouterr()
    return Run(code, _without('{"_aws":', out), _without('{"level":', err))


def _without(start: str, printed: str) -> str:
    """Leaves out the metrics or logs of the function, which runs in this process."""
    lines = printed.splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(start))


def test_the_documents_are_those_of_the_same_model_on_this_machine(
    deployed: Deployed, colour_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a.png").write_bytes(image(red=(2, 5)))
    Path("b.jpg").write_bytes(image(".jpg", green=(3, 3)))

    files = ("a.png", "b.jpg")

    there = run(capsys, *files, "--url", deployed.url.address, "--json", "--output", "there")
    here = run(capsys, *files, "--model", colour_model, "--json", "--output", "here")

    def documents(run: Run) -> list[Any]:
        found = [json.loads(line) for line in run.out.splitlines()]
        return [{**document, "timings_ms": None, "annotated": None} for document in found]

    assert there.code == here.code == 0, there.err
    assert documents(there) == documents(here)
    for name in files:
        assert Path("there", name).read_bytes() == Path("here", name).read_bytes()
    assert len(deployed.events) == 4


def test_crops_are_cut_on_this_machine_and_equal_those_of_the_same_model(
    deployed: Deployed, colour_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a.png").write_bytes(image(red=(2, 5), green=(6, 1)))

    there = run(capsys, "a.png", "--url", deployed.url.address, "--crops", "there")
    here = run(capsys, "a.png", "--model", colour_model, "--crops", "here")

    assert there.code == here.code == 0, there.err
    for name in ("red/a.png_0.jpg", "green/a.png_1.jpg"):
        assert Path("there", name).read_bytes() == Path("here", name).read_bytes()
    assert len(deployed.events) == 1


def test_what_is_drawn_there_is_what_would_be_drawn_here(
    deployed: Deployed, colour_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a.png").write_bytes(image(red=(2, 5)))
    where = ("--url", deployed.url.address)

    hidden = run(capsys, "a.png", *where, "--output", "there", "--draw", "blur")
    run(capsys, "a.png", "--model", colour_model, "--output", "here", "--draw", "blur")
    alone = run(capsys, "a.png", *where, "--output", "alone", "--draw", "none")

    assert hidden.code == alone.code == 0, hidden.err + alone.err
    assert Path("there/a.png").read_bytes() == Path("here/a.png").read_bytes()
    assert [path.name for path in Path("alone").iterdir()] == ["a.png.json"]
    assert len(deployed.events) == 3  # two for a document and its picture


def test_only_options_are_sent(
    deployed: Deployed, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NMS", "0.9")
    Path("a.png").write_bytes(image())

    done = run(
        capsys, "a.png", "--url", deployed.url.address, "--confidence", "0.3", "--multi-label"
    )

    assert done.code == 0, done.err
    (event,) = deployed.events
    assert event["rawQueryString"] == "confidence=0.3&multi_label=1"
    assert base64.b64decode(event["body"]) == image()
    assert done.out.startswith("a.png\tred\t1.0\t")


def test_a_refused_picture_is_named_and_the_others_are_done(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a.png").write_bytes(image())
    Path("half.png").write_bytes(image()[:60])
    Path("large.bmp").write_bytes(bytes(MAX_PICTURE_BYTES + 1))
    files = ("half.png", "large.bmp", "a.png")

    done = run(capsys, *files, "--url", deployed.url.address, "--json")

    assert done.code == 1
    assert done.keys == ["a.png"]
    half, large = done.err.splitlines()
    assert half.startswith("half.png: 422: ")
    assert large == (
        "large.bmp: 4,700,001 bytes are too many for a function URL, which takes 4,700,000; put it "
        "into the bucket: python -m modules drop PICTURE s3://BUCKET"
    )
    assert len(deployed.events) == 2


def test_the_largest_picture_that_is_sent_fits_into_lambdas_limit(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a.bin").write_bytes(b"<html>".ljust(MAX_PICTURE_BYTES))

    done = run(capsys, "a.bin", "--url", deployed.url.address)

    assert "a.bin: 415: an HTML page" in done.err


def test_a_caller_who_is_not_allowed_is_told(
    deployed: Deployed, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    Path("a.png").write_bytes(image())

    done = run(capsys, "a.png", "--url", deployed.url.address)

    assert done.code == 1
    assert done.err.startswith("a.png: 403: The request signature we calculated does not match")


def test_a_url_without_an_answer_is_named(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a.png").write_bytes(image())
    deployed.url.close()

    done = run(capsys, "a.png", "--url", deployed.url.address)

    assert done.code == 1
    assert done.err.startswith(f"a.png: {deployed.url.address}: ")


@pytest.mark.parametrize(
    "url", ["abc.lambda-url.us-east-1.on.aws", "http://example.com/", "https://", "s3://bucket"]
)
def test_what_is_no_function_url_is_refused(
    url: str, deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a.png").write_bytes(image())

    done = run(capsys, "a.png", "--url", url)

    assert done.code == 2
    assert f"{url} is no function URL; one looks like https://abc123.lambda-url." in done.err


def test_the_region_of_the_signature_is_that_of_the_url(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    from modules.cli.function_url import FunctionUrl as Client

    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")

    client = Client("https://abc123.lambda-url.eu-central-1.on.aws/", {})

    request = AWSRequest("POST", "https://abc123.lambda-url.eu-central-1.on.aws/")
    client._signer.add_auth(request)
    assert "/eu-central-1/lambda/aws4_request" in request.headers["Authorization"]


def test_without_credentials_the_command_stops(
    deployed: Deployed, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    Path("a.png").write_bytes(image())

    done = run(capsys, "a.png", "--url", deployed.url.address)

    assert done.code == 2
    assert "no AWS credentials to sign requests with" in done.err


def test_a_model_or_a_url_is_needed_and_not_both(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["a.png"], ["a.png", "--url", "https://a", "--model", "b"]):
        with pytest.raises(SystemExit) as stopped:
            main(["detect", *arguments])
        assert stopped.value.code == 2
        assert "--url" in capsys.readouterr().err
