from pathlib import Path

import pytest

from modules.bucket import StorageError
from modules.cli.local_bucket import BUCKET, LocalBucket
from modules.model_folder import LocalFolder
from modules.model_loader import load_model
from modules.model_store import ModelStore
from modules.settings import Settings


def test_a_model_is_the_same_in_a_bucket(bucket: LocalBucket, colour_model: Path) -> None:
    bucket.upload_model(colour_model)
    store = ModelStore(bucket.client, Settings(model="models/colours/"))

    model = store.model_for(BUCKET)

    assert model.digest == load_model(LocalFolder(colour_model), Settings()).digest
    assert model.name == "colours"


def test_a_model_may_lie_in_another_bucket(bucket: LocalBucket, colour_model: Path) -> None:
    bucket.upload_model(colour_model)
    store = ModelStore(bucket.client, Settings(model=f"s3://{BUCKET}/models/colours"))

    assert store.model_for("elsewhere").name == "colours"


def test_the_store_asks_again_only_after_the_ttl(bucket: LocalBucket, colour_model: Path) -> None:
    bucket.upload_model(colour_model)
    now = 0.0
    settings = Settings(model="models/colours/", model_ttl_seconds=60)
    store = ModelStore(bucket.client, settings, clock=lambda: now)
    asked: list[str] = []
    bucket.client.meta.events.register(
        "before-call.s3", lambda model, **_: asked.append(model.name)
    )

    first = store.model_for(BUCKET)
    del asked[:]
    now = 59.9
    assert store.model_for(BUCKET) is first
    assert asked == []
    now = 60.0
    assert store.model_for(BUCKET) is first
    assert asked == ["ListObjectsV2"]


def test_a_file_swapped_under_the_reader_is_never_mixed_in(
    bucket: LocalBucket, colour_model: Path
) -> None:
    bucket.upload_model(colour_model)

    def replace(**_: object) -> None:
        bucket.client.put_object(Bucket=BUCKET, Key="models/colours/colours.names", Body=b"a\nb\n")

    bucket.client.meta.events.register("after-call.s3.ListObjectsV2", replace)
    store = ModelStore(bucket.client, Settings(model="models/colours/"))

    with pytest.raises(StorageError, match="PreconditionFailed"):
        store.model_for(BUCKET)
