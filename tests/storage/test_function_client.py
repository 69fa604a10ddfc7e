"""What the function asks of S3 is answered as by the SDK, whatever key, bucket and fault."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modules.cli.local_aws.bucket import BUCKET, LocalBucket
from modules.errors import (
    CredentialsExpiredError,
    ObjectChangedError,
    ObjectGoneError,
    StorageError,
)
from modules.storage import function_client, obstore_requests
from modules.storage.bucket import Bucket
from modules.storage.errors import S3Error, s3_code, storage_errors
from modules.storage.function_client import FunctionClient
from modules.storage.object_stream import ObjectStream
from tests.conftest import ROOT
from tests.faults.faults import Fault
from tests.faults.proxy import FaultyProxy
from tests.storage.odd_servers import DamagingProxy, RefusingServer

DATA = random.Random(0).randbytes(100_000)
PLAIN_KEYS = [
    "a b",
    "a+b",
    "a%20b",
    "%2F",
    "%2e%2e/a",
    "ä/日本/\U0001f600",
    "a/...",
    "a\\b",
    "x" * 1024,
]
PLAIN_KEYS += ["a?b#c&d=e", "a:b*~'\"<>|^`{}[];,@$!()", " a ", "a\u2028b", "e\u0301"]
ODD_KEYS = [
    "/a",
    "a/",
    "a//b",
    "//",
    "./a",
    "a/./b",
    "a/../b",
    "..",
    ".",
    "a\tb",
    "a\x7fb",
    "a\x01b",
]


def uses_the_sdk(client: FunctionClient) -> bool:
    return "sdk" in vars(client)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(function_client, "_pause", lambda attempt: None)


@pytest.mark.parametrize("key", [*PLAIN_KEYS, *ODD_KEYS])
def test_every_key_is_read_and_written_as_it_is(key: str, bucket: LocalBucket) -> None:
    client = FunctionClient()
    objects = Bucket(client)

    etag = objects.put(BUCKET, key, DATA, "image/png", metadata={"stamp": "x"}, if_match=None)

    listed = bucket.client.list_objects_v2(Bucket=BUCKET)["Contents"]
    assert [item["Key"] for item in listed] == [key]
    stored = bucket.client.get_object(Bucket=BUCKET, Key=key)
    assert (stored["Body"].read(), stored["ContentType"]) == (DATA, "image/png")
    assert (stored["ETag"], stored["Metadata"]) == (f'"{etag}"', {"stamp": "x"})
    image = objects.read(BUCKET, key, max_bytes=len(DATA))
    head = objects.head(BUCKET, key)
    assert (image.data, image.size, image.version.etag) == (DATA, len(DATA), etag)
    assert head is not None
    assert (head.version, head.metadata) == (image.version, {"stamp": "x"})
    with pytest.raises(ObjectChangedError):
        objects.put(BUCKET, key, b"x", "image/png", metadata={}, if_match="0" * 32)
    assert uses_the_sdk(client) == (key in ODD_KEYS)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(key=st.text(st.sampled_from("a./ %+~é\\\t"), min_size=1, max_size=6))
def test_no_key_is_taken_for_another(key: str, bucket: LocalBucket) -> None:
    Bucket(FunctionClient()).put(BUCKET, key, b"x", "text/plain", metadata={}, if_match=None)

    (found,) = bucket.client.list_objects_v2(Bucket=BUCKET)["Contents"]
    bucket.client.delete_object(Bucket=BUCKET, Key=found["Key"])
    assert found["Key"] == key


def listing(client: Any, prefix: str) -> tuple[bool, list[tuple[str, str, int]]]:
    answer = client.list_objects_v2(Bucket=BUCKET, Prefix=prefix, Delimiter="/", MaxKeys=100)
    found = [(item["Key"], item["ETag"], item["Size"]) for item in answer.get("Contents", ())]
    return answer["IsTruncated"], [item for item in found if item[0] != prefix]


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["", "x", "y z", "ü", "a%20b", "a+b", "a&b<c>'\"", "sub/deep"],
        ["x", "marker.weights/"],
        ["x", "./y"],
        ["x", "a//y"],
        ["x", "/y"],
        ["x", "a\ty"],
        [f"{number:03}" for number in range(101)],
        ["x", *(f"deep/{number}" for number in range(1000))],
    ],
    ids=["none", "plain", "marker", "dot", "empty part", "slash", "tab", "101", "1001"],
)
def test_a_folder_is_listed_as_by_the_sdk(names: list[str], bucket: LocalBucket) -> None:
    for name in names:
        body = b"" if name.endswith("/") else name.encode()
        bucket.client.put_object(Bucket=BUCKET, Key=f"m/ä b/{name}", Body=body)

    assert listing(FunctionClient(), "m/ä b/") == listing(bucket.client, "m/ä b/")


@pytest.mark.parametrize(
    ("fault", "requests", "error", "code"),
    [
        (Fault.RESET, 4, StorageError, ""),
        (Fault.ERROR, 4, StorageError, "InternalError"),
        (Fault.SLOW_DOWN, 4, StorageError, "SlowDown"),
        (Fault.DENIED, 1, StorageError, "AccessDenied"),
        (Fault.EXPIRED, 1, CredentialsExpiredError, "ExpiredToken"),
    ],
)
@pytest.mark.parametrize("operation", ["read", "put", "list"])
def test_what_s3_refuses_is_told_apart_and_what_may_pass_is_tried_four_times(
    fault: Fault,
    requests: int,
    error: type[StorageError],
    code: str,
    operation: str,
    bucket: LocalBucket,
    proxy: FaultyProxy,
) -> None:
    proxy.choose = lambda method, path, number: fault
    client = FunctionClient()

    with pytest.raises(error) as caught:
        ask(client, operation)

    assert proxy.requests == requests
    assert type(caught.value) is error
    assert s3_code(caught.value) == code
    assert str(caught.value).startswith("asking: ")
    assert not uses_the_sdk(client)


def ask(client: FunctionClient, operation: str) -> None:
    with storage_errors("asking"):
        if operation == "read":
            client.get_object(Bucket=BUCKET, Key="a")
        elif operation == "put":
            client.put_object(Bucket=BUCKET, Key="a", Body=b"x", IfNoneMatch="*")
        else:
            client.list_objects_v2(Bucket=BUCKET, Prefix="a/", Delimiter="/", MaxKeys=1)


def test_expired_credentials_are_recognised_by_a_head(
    bucket: LocalBucket, proxy: FaultyProxy
) -> None:
    proxy.choose = lambda method, path, number: Fault.EXPIRED

    with pytest.raises(CredentialsExpiredError):
        Bucket(FunctionClient()).head(BUCKET, "a")


def test_a_missing_bucket_is_no_missing_object(bucket: LocalBucket) -> None:
    objects = Bucket(FunctionClient())

    with pytest.raises(StorageError, match="NoSuchBucket") as caught:
        objects.read("no-such-bucket", "a", max_bytes=1)
    assert not isinstance(caught.value, ObjectGoneError)


def test_a_put_that_was_done_but_not_answered_is_a_conflict(
    bucket: LocalBucket, proxy: FaultyProxy
) -> None:
    proxy.choose = lambda method, path, number: Fault.RESET_AFTER if number == 0 else None

    with pytest.raises(ObjectChangedError):
        Bucket(FunctionClient()).put(BUCKET, "a", b"x", "text/plain", metadata={}, if_match=None)

    assert proxy.requests == 2


@pytest.mark.parametrize(("is_new", "code"), [(True, "create"), (False, "update")])
def test_a_409_is_a_conflict_at_once(
    is_new: bool, code: str, bucket: LocalBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RefusingServer(409, "ConditionalRequestConflict") as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint)
        if_match = None if is_new else "0" * 32
        with pytest.raises(ObjectChangedError, match="ConditionalRequestConflict"):
            Bucket(FunctionClient()).put(
                BUCKET, "a", b"x", "text/plain", metadata={}, if_match=if_match
            )

    assert server.requests == 1


def test_damaged_bytes_are_refused(bucket: LocalBucket, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket.client.put_object(Bucket=BUCKET, Key="a", Body=DATA)
    with DamagingProxy(bucket.endpoint, damaged=1) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        client = FunctionClient()

        with pytest.raises(StorageError, match=r"MD5 digest .* S3 has stored"):
            Bucket(client).read(BUCKET, "a", max_bytes=len(DATA))
        assert Bucket(client).read(BUCKET, "a", max_bytes=len(DATA)).data == DATA


def test_bytes_whose_etag_is_no_digest_are_read_with_the_sdks_checksums(
    bucket: LocalBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in buckets that encrypt by KMS."""
    bucket.client.put_object(Bucket=BUCKET, Key="a", Body=DATA)
    with DamagingProxy(bucket.endpoint, etag="0" * 32) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        client = FunctionClient()

        for _ in range(2):
            assert Bucket(client).read(BUCKET, "a", max_bytes=len(DATA)).data == DATA

    assert uses_the_sdk(client)
    assert proxy.requests == 3, "the second time, only the SDK reads"


def test_the_digest_is_that_of_the_whole_object_after_a_break(
    bucket: LocalBucket, proxy: FaultyProxy
) -> None:
    bucket.client.put_object(Bucket=BUCKET, Key="a", Body=DATA)
    proxy.choose = lambda method, path, number: Fault.CUT if number == 0 else None
    client = FunctionClient()

    with ObjectStream(client, Bucket=BUCKET, Key="a") as stream:
        assert stream.read() == DATA

    assert not uses_the_sdk(client)


def test_an_object_that_was_uploaded_in_parts_is_read(bucket: LocalBucket) -> None:
    upload = bucket.client.create_multipart_upload(Bucket=BUCKET, Key="a")["UploadId"]
    part = {"Bucket": BUCKET, "Key": "a", "UploadId": upload}
    etag = bucket.client.upload_part(**part, PartNumber=1, Body=DATA)["ETag"]  # type: ignore[arg-type]
    bucket.client.complete_multipart_upload(
        **part,  # type: ignore[arg-type]
        MultipartUpload={"Parts": [{"ETag": etag, "PartNumber": 1}]},
    )
    client = FunctionClient()

    image = Bucket(client).read(BUCKET, "a", max_bytes=len(DATA))

    assert (image.data, image.version.etag[-2:]) == (DATA, "-1")
    assert not uses_the_sdk(client)


def test_version_ids_are_those_of_the_bucket(bucket: LocalBucket) -> None:
    configuration: Any = {"Status": "Enabled"}
    bucket.client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration=configuration)
    version = bucket.client.put_object(Bucket=BUCKET, Key="a", Body=DATA)["VersionId"]
    objects = Bucket(FunctionClient())

    head = objects.head(BUCKET, "a")

    assert head is not None
    assert head.version.version_id == version
    assert objects.read(BUCKET, "a", max_bytes=len(DATA)).version == head.version


def test_requests_are_signed_with_the_credentials_that_the_environment_has_now(
    bucket: LocalBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RefusingServer(404, "NoSuchKey") as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint)
        client = FunctionClient()
        for name, token in (("first", "one"), ("second", "two")):
            monkeypatch.setenv("AWS_ACCESS_KEY_ID", name)
            monkeypatch.setenv("AWS_SESSION_TOKEN", token)
            with pytest.raises(S3Error):
                client.get_object(Bucket=BUCKET, Key="a")

    assert [headers["x-amz-security-token"] for headers in server.headers] == ["one", "two"]
    names = [headers["authorization"].partition("Credential=")[2] for headers in server.headers]
    assert [name.partition("/")[0] for name in names] == ["first", "second"]


def test_a_put_states_the_digest_of_its_bytes(
    bucket: LocalBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RefusingServer(403, "AccessDenied") as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint)
        with pytest.raises(S3Error):
            FunctionClient().put_object(Bucket=BUCKET, Key="a", Body=DATA)

    (headers,) = server.headers
    assert headers["x-amz-content-sha256"] == hashlib.sha256(DATA).hexdigest()
    assert "x-amz-checksum-sha256" in headers


def test_a_bucket_of_another_region_is_left_to_the_sdk(
    bucket: LocalBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.client.put_object(Bucket=BUCKET, Key="a", Body=DATA)
    client = ElsewhereClient()

    for _ in range(2):
        assert Bucket(client).read(BUCKET, "a", max_bytes=len(DATA)).data == DATA

    assert client.sent == 1


class ElsewhereClient(FunctionClient):
    """A client to which obstore's store says that the bucket is in another region."""

    sent = 0

    def _store(self, bucket: str) -> Any:
        super()._store(bucket)
        outer = self

        class Store:
            def get(self, *_: object, **__: object) -> None:
                outer.sent += 1
                raise ValueError(
                    "Generic S3 error: Received redirect without LOCATION, this normally indicates"
                    " an incorrectly configured region"
                )

        return Store()


def test_an_s3_that_does_not_answer_is_given_up_in_time(
    monkeypatch: pytest.MonkeyPatch, bucket: LocalBucket
) -> None:
    monkeypatch.setattr(obstore_requests, "READ_SECONDS", 0.2)
    with RefusingServer(404, "NoSuchKey", seconds=2.0) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint)
        start = time.monotonic()
        with pytest.raises(S3Error, match="Timeout"):
            FunctionClient().send("GetObject", {"Bucket": BUCKET, "Key": "a"})

    assert time.monotonic() - start < 2


def test_a_process_that_was_forked_after_a_request_still_has_answers(bucket: LocalBucket) -> None:
    bucket.client.put_object(Bucket=BUCKET, Key="a", Body=DATA)
    program = (
        "import os\n"
        "from modules.storage.bucket import Bucket\n"
        "from modules.storage.function_client import FunctionClient\n"
        "bucket = Bucket(FunctionClient())\n"
        f"assert bucket.head('{BUCKET}', 'a')\n"
        "if child := os.fork():\n"
        "    os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
        f"print(len(bucket.read('{BUCKET}', 'a', max_bytes=10**6).data), flush=True)\n"
    )

    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert run.stdout.split() == [str(len(DATA))]


def test_parameters_that_obstore_does_not_know_are_left_to_the_sdk(bucket: LocalBucket) -> None:
    bucket.client.put_object(Bucket=BUCKET, Key="a", Body=DATA)
    client = FunctionClient()

    answer = client.get_object(Bucket=BUCKET, Key="a", Range="bytes=2-4")

    assert answer["Body"].read() == DATA[2:5]
    assert uses_the_sdk(client)


def test_metadata_that_obstore_cannot_read_is_left_to_the_sdk(
    bucket: LocalBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.client.put_object(Bucket=BUCKET, Key="a", Body=DATA)
    with DamagingProxy(bucket.endpoint, header=("x-amz-meta-who", "J\xf6rg")) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        head = Bucket(FunctionClient()).head(BUCKET, "a")

    assert head is not None
    assert head.metadata == {"who": "J\xf6rg"}
