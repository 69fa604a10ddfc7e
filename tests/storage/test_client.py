from pathlib import Path

import pytest

from modules.cli.local_aws.bucket import BUCKET, LocalBucket
from modules.errors import CredentialsExpiredError, StorageError
from modules.storage.client import create_client
from modules.storage.errors import storage_errors
from modules.storage.object_stream import ObjectStream
from tests.faults.faults import Fault
from tests.faults.proxy import FaultyProxy


def test_a_broken_request_is_tried_four_times(bucket: LocalBucket, proxy: FaultyProxy) -> None:
    proxy.choose = lambda method, path, number: Fault.RESET

    with pytest.raises(StorageError, match="reading s3://pictures/a: Connection was closed"):
        ObjectStream(create_client(), Bucket=BUCKET, Key="a")

    assert proxy.requests == 4


def test_a_denied_request_is_not_retried(bucket: LocalBucket, proxy: FaultyProxy) -> None:
    proxy.choose = lambda method, path, number: Fault.DENIED

    with pytest.raises(StorageError, match="AccessDenied: Access Denied"):
        ObjectStream(create_client(), Bucket=BUCKET, Key="a")

    assert proxy.requests == 1


@pytest.mark.parametrize("method", ["head_object", "get_object"])
def test_expired_credentials_have_an_error_class(
    method: str, bucket: LocalBucket, proxy: FaultyProxy
) -> None:
    proxy.choose = lambda method, path, number: Fault.EXPIRED

    with pytest.raises(CredentialsExpiredError), storage_errors("asking"):
        getattr(create_client(), method)(Bucket=BUCKET, Key="a")


def test_a_profile_that_assumes_a_role_works(
    bucket: LocalBucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config"
    config.write_text(
        "[profile person]\naws_access_key_id = testing\naws_secret_access_key = testing\n"
        "[profile role]\nrole_arn = arn:aws:iam::123456789012:role/reader\n"
        "source_profile = person\n"
    )
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_PROFILE", "role")

    found = create_client().list_buckets()["Buckets"]

    assert [item["Name"] for item in found] == [BUCKET]
