import http.client
import socket
from collections import Counter
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from modules.cli.local_aws.bucket import BUCKET, LocalBucket
from tests.faults.faults import WEIGHTS, Fault, Faults
from tests.faults.proxy import FaultyProxy


def test_share_and_kinds_of_faults_are_as_requested() -> None:
    faults = Faults(0.3)

    chosen = Counter(faults("GET", f"/{number}", 0) for number in range(20_000))

    assert 20_000 - chosen[None] == pytest.approx(6_000, rel=0.05)
    for fault, weight in WEIGHTS.items():
        assert chosen[fault] == pytest.approx(6_000 * weight / sum(WEIGHTS.values()), rel=0.35)


def test_the_same_request_gets_the_same_fault_and_another_seed_others() -> None:
    requests = [("PUT", f"/{number}", 1) for number in range(100)]

    first, again, other = (
        [Faults(0.5, seed)(*request) for request in requests] for seed in (1, 1, 2)
    )

    assert first == again != other


def test_only_requests_with_a_body_in_the_answer_break_in_the_body() -> None:
    kinds = {Faults(1)("PUT", f"/{number}", 0) for number in range(2_000)}

    assert kinds == set(Fault) - {Fault.CUT, Fault.RESET_IN_BODY, Fault.TOO_LONG, Fault.TOO_SHORT}


@pytest.mark.parametrize(
    ("fault", "code", "status"),
    [
        (Fault.ERROR, "InternalError", 500),
        (Fault.ERROR_AFTER, "InternalError", 500),
        (Fault.SLOW_DOWN, "SlowDown", 503),
        (Fault.DENIED, "AccessDenied", 403),
        (Fault.EXPIRED, "ExpiredToken", 400),
    ],
)
def test_refusals_look_like_those_of_s3(
    fault: Fault, code: str, status: int, bucket: LocalBucket, proxy: FaultyProxy
) -> None:
    client = boto3.client("s3", config=Config(retries={"total_max_attempts": 1}))
    proxy.choose = lambda method, path, number: fault

    with pytest.raises(ClientError) as caught:
        client.get_object(Bucket=BUCKET, Key="a")

    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


@pytest.mark.parametrize(
    ("fault", "done"),
    [
        (Fault.ERROR, 0),
        (Fault.RESET, 0),
        (Fault.SLOW_DOWN, 0),
        (Fault.DENIED, 0),
        (Fault.EXPIRED, 0),
        (Fault.SLOW, 1),
        (Fault.ERROR_AFTER, 1),
        (Fault.RESET_AFTER, 1),
    ],
)
def test_each_fault_happens_before_or_after_s3_has_done_the_request(
    fault: Fault, done: int, bucket: LocalBucket, proxy: FaultyProxy
) -> None:
    answered: list[tuple[str, str, bytes, int]] = []
    proxy.on_answer = lambda *request: answered.append(request)
    proxy.choose, proxy.slow_seconds = lambda method, path, number: fault, 0
    connection = http.client.HTTPConnection(urlsplit(proxy.endpoint).netloc)

    connection.request("PUT", f"/{BUCKET}/a", b"data")
    try:
        status = connection.getresponse().status
    except ConnectionError:
        status = None
    connection.close()

    assert (status == 200) == (fault is Fault.SLOW)
    assert answered == [("PUT", f"/{BUCKET}/a", b"data", 200)] * done
    assert bucket.client.list_objects_v2(Bucket=BUCKET)["KeyCount"] == done
    assert proxy.injected == {fault: 1}


@pytest.mark.parametrize(
    ("fault", "announced", "sent"),
    [(Fault.CUT, 1000, 500), (Fault.TOO_LONG, 1100, 1000), (Fault.TOO_SHORT, 500, 1000)],
)
def test_wrong_lengths_are_wrong_as_requested(
    fault: Fault, announced: int, sent: int, bucket: LocalBucket, proxy: FaultyProxy
) -> None:
    bucket.client.put_object(Bucket=BUCKET, Key="a", Body=b"x" * 1000)
    proxy.choose = lambda method, path, number: fault
    client = boto3.client("s3")  # sends requests to the proxy
    url = client.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "a"})
    place = urlsplit(url)

    with socket.create_connection((place.hostname, place.port)) as connection:
        head = f"GET {place.path}?{place.query} HTTP/1.1\r\nHost: {place.netloc}"
        connection.sendall(f"{head}\r\nConnection: close\r\n\r\n".encode())
        answer, _, body = connection.makefile("rb").read().partition(b"\r\n\r\n")

    assert f"\r\nContent-Length: {announced}\r\n" in f"{answer.decode()}\r\n"
    assert len(body) == sent
