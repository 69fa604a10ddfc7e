import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from modules.cli.local_aws.bucket import BUCKET, LocalBucket
from modules.errors import ModelError
from modules.models.folder import LocalFolder
from modules.models.loader import load_model
from modules.models.store import ModelStore
from modules.settings import Settings
from modules.telemetry.metrics import count as count_metric
from modules.telemetry.metrics import metrics
from tests.colour_model import LABELS, weights
from tests.conftest import ROOT


def test_a_model_in_a_bucket_has_the_digest_of_the_local_one(
    bucket: LocalBucket, colour_model: Path
) -> None:
    bucket.upload_model(colour_model)
    store = ModelStore(bucket.client, Settings(model="models/colours/"))

    model = store.model_for(BUCKET)

    assert model.digest == load_model(LocalFolder(colour_model), Settings()).digest
    assert model.name == "colours"


def test_a_model_may_be_in_another_bucket(bucket: LocalBucket, colour_model: Path) -> None:
    bucket.upload_model(colour_model)
    store = ModelStore(bucket.client, Settings(model=f"s3://{BUCKET}/models/colours"))

    assert store.model_for("elsewhere").name == "colours"


def test_the_store_lists_the_folder_again_only_after_the_ttl(
    bucket: LocalBucket, colour_model: Path
) -> None:
    bucket.upload_model(colour_model)
    now = 0.0
    settings = Settings(model="models/colours/", model_ttl_seconds=60)
    store = ModelStore(bucket.client, settings, clock=lambda: now)
    calls: list[str] = []
    bucket.client.meta.events.register(
        "before-call.s3", lambda model, **_: calls.append(model.name)
    )

    first = store.model_for(BUCKET)
    del calls[:]
    now = 59.9
    assert store.model_for(BUCKET) is first
    assert calls == []
    now = 60.0
    assert store.model_for(BUCKET) is first
    assert calls == ["ListObjectsV2"]


def test_a_folder_that_changes_while_it_is_read_is_read_again(
    bucket: LocalBucket, colour_model: Path
) -> None:
    bucket.upload_model(colour_model)
    replacements = [b"rot\ngelb\n", b"rouge\nvert\n"]

    def replace(**_: object) -> None:
        if replacements:
            put(bucket, "colours.names", replacements.pop(0))

    bucket.client.meta.events.register("after-call.s3.ListObjectsV2", replace)
    store = ModelStore(bucket.client, Settings(model="models/colours/"))

    assert store.model_for(BUCKET).labels == ("rouge", "vert")


def test_a_folder_that_keeps_changing_is_an_error_after_three_attempts(
    bucket: LocalBucket, colour_model: Path
) -> None:
    bucket.upload_model(colour_model)
    numbers = count()

    def replace(**_: object) -> None:
        put(bucket, "colours.names", f"{next(numbers)}\nb\n".encode())

    bucket.client.meta.events.register("after-call.s3.ListObjectsV2", replace)
    store = ModelStore(bucket.client, Settings(model="models/colours/"))

    with pytest.raises(ModelError, match="models/colours/ keeps changing"):
        store.model_for(BUCKET)
    assert next(numbers) == 3


@pytest.fixture
def warm(bucket: LocalBucket, colour_model: Path) -> ModelStore:
    """A store that has loaded the colour model, and checks for changes on every call."""
    bucket.upload_model(colour_model)
    store = ModelStore(bucket.client, Settings(model="models/colours/", model_ttl_seconds=0))
    assert store.model_for(BUCKET).labels == LABELS
    return store


def test_a_broken_model_is_read_once_and_the_old_one_stays_until_it_changes(
    bucket: LocalBucket, warm: ModelStore
) -> None:
    before = warm.model_for(BUCKET)
    put(bucket, "colours.weights", weights()[:-1])
    calls = calls_of(bucket)

    assert [warm.model_for(BUCKET) for _ in range(3)] == [before] * 3
    assert calls == ["ListObjectsV2", *["GetObject"] * 3, "ListObjectsV2", "ListObjectsV2"]

    put(bucket, "colours.weights", weights())
    put(bucket, "colours.names", b"rouge\nvert\n")
    assert warm.model_for(BUCKET).labels == ("rouge", "vert")


def test_without_another_model_every_image_gets_the_reason_of_the_refusal(
    bucket: LocalBucket, colour_model: Path
) -> None:
    bucket.upload_model(colour_model)
    put(bucket, "colours.weights", weights()[:-1])
    store = ModelStore(bucket.client, Settings(model="models/colours/"))
    calls = calls_of(bucket)

    for _ in range(2):
        with pytest.raises(ModelError, match="the weights end after"):
            store.model_for(BUCKET)
    assert calls == ["ListObjectsV2", *["GetObject"] * 3, "ListObjectsV2"]

    put(bucket, "colours.weights", weights())
    assert store.model_for(BUCKET).labels == LABELS


def test_each_swap_and_each_refusal_is_counted_once(
    bucket: LocalBucket, warm: ModelStore, capsys: pytest.CaptureFixture[str]
) -> None:
    metrics.clear()
    put(bucket, "colours.weights", b"broken")
    for _ in range(2):
        warm.model_for(BUCKET)
    put(bucket, "colours.weights", weights())
    put(bucket, "colours.names", b"rouge\nvert\n")
    for _ in range(2):
        warm.model_for(BUCKET)

    metrics.flush()

    written = json.loads(capsys.readouterr().out)
    assert (written["ModelRejections"], written["ModelSwaps"]) == ([1.0], [1.0])


def test_the_same_files_uploaded_again_are_not_counted_as_a_swap(
    bucket: LocalBucket, warm: ModelStore, capsys: pytest.CaptureFixture[str]
) -> None:
    metrics.clear()
    parts = bucket.client.create_multipart_upload(Bucket=BUCKET, Key="models/colours/colours.names")
    upload: Any = {"Bucket": BUCKET, "Key": parts["Key"], "UploadId": parts["UploadId"]}
    body = "\n".join(LABELS).encode() + b"\n"
    part = bucket.client.upload_part(**upload, PartNumber=1, Body=body)
    bucket.client.complete_multipart_upload(
        **upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    )
    calls = calls_of(bucket)

    warm.model_for(BUCKET)

    assert "GetObject" in calls, "the ETag of a multipart upload differs, so the files are read"
    count_metric("Images")
    metrics.flush()
    assert "ModelSwaps" not in capsys.readouterr().out


def test_a_deleted_model_stays_in_use(bucket: LocalBucket, warm: ModelStore) -> None:
    for name in ("cfg", "weights", "names"):
        bucket.client.delete_object(Bucket=BUCKET, Key=f"models/colours/colours.{name}")

    assert warm.model_for(BUCKET).labels == LABELS


def test_the_loaded_model_stays_in_use_while_s3_fails(
    bucket: LocalBucket, warm: ModelStore
) -> None:
    before = warm.model_for(BUCKET)

    def fail(**_: object) -> None:
        raise ConnectionError("injected")

    bucket.client.meta.events.register("before-send.s3.ListObjectsV2", fail)

    assert warm.model_for(BUCKET) is before


def test_a_folder_with_over_100_files_is_refused(bucket: LocalBucket) -> None:
    for number in range(101):
        put(bucket, f"{number}.txt", b"")
    store = ModelStore(bucket.client, Settings(model="models/colours/"))

    with pytest.raises(ModelError, match="has over 100 files"):
        store.model_for(BUCKET)


def test_loading_a_model_writes_no_file(bucket: LocalBucket, colour_model: Path) -> None:
    bucket.upload_model(colour_model)
    program = f"""
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
from modules.storage.client import create_client
from modules.models.store import ModelStore
from modules.settings import Settings
print(ModelStore(create_client(), Settings(model="models/colours/")).model_for({BUCKET!r}).name)
"""
    command = [sys.executable, "-B", "-c", program]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.stdout == "colours\n", done.stderr


@pytest.fixture
def store(bucket: LocalBucket, colour_model: Path) -> Iterator[ModelStore]:
    """A store whose settings name the bucket, with an executor for parallel requests."""
    bucket.upload_model(colour_model)
    with ThreadPoolExecutor() as executor:
        yield ModelStore(bucket.client, Settings(model=f"s3://{BUCKET}/models/colours/"), executor)


def test_a_prefetched_model_is_not_requested_again(bucket: LocalBucket, store: ModelStore) -> None:
    calls = calls_of(bucket)

    store.prefetch()
    assert store._prefetched
    store._prefetched.result()
    store.model_for(BUCKET)

    assert sorted(calls) == ["GetObject"] * 3 + ["ListObjectsV2"]


def test_a_model_is_requested_again_after_prefetching_failed(
    bucket: LocalBucket, store: ModelStore
) -> None:
    def fail(**_: Any) -> None:
        bucket.client.meta.events.unregister("before-call.s3.ListObjectsV2", fail)
        raise OSError("by the test")

    bucket.client.meta.events.register("before-call.s3.ListObjectsV2", fail)
    store.prefetch()

    assert store.model_for(BUCKET).name == "colours"


def test_a_prefetched_model_is_requested_again_after_the_ttl(
    bucket: LocalBucket, store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(store, "_clock", lambda: now)
    store.prefetch()
    assert store._prefetched
    store._prefetched.result()
    calls = calls_of(bucket)

    now = 60.0
    store.model_for(BUCKET)

    assert calls.count("ListObjectsV2") == 1


def test_the_ttl_of_a_prefetched_model_begins_when_it_was_prefetched(
    bucket: LocalBucket, store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(store, "_clock", lambda: now)
    store.prefetch()
    now = 59.0
    store.model_for(BUCKET)
    calls = calls_of(bucket)

    now = 60.0
    store.model_for(BUCKET)

    assert calls == ["ListObjectsV2"]


def test_a_model_replaced_after_prefetching_is_not_mixed_with_the_new_one(
    bucket: LocalBucket, store: ModelStore
) -> None:
    opened = threading.Semaphore(0)
    events = bucket.client.meta.events
    events.register("after-call.s3.GetObject", lambda **_: opened.release())
    store.prefetch()
    for _ in range(3):
        assert opened.acquire(timeout=120)
    put(bucket, "colours.names", b"one\ntwo\n")

    assert store.model_for(BUCKET).labels == LABELS
    store.expire()
    assert store.model_for(BUCKET).labels == ("one", "two")


def put(bucket: LocalBucket, name: str, body: bytes) -> None:
    bucket.client.put_object(Bucket=BUCKET, Key=f"models/colours/{name}", Body=body)


def calls_of(bucket: LocalBucket) -> list[str]:
    """Records the S3 calls that the bucket's client makes from now on, except puts."""
    calls: list[str] = []

    def record(model: Any, **_: object) -> None:
        if model.name != "PutObject":
            calls.append(model.name)

    bucket.client.meta.events.register("before-call.s3", record)
    return calls
