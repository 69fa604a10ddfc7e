"""Uploads models while a reader checks the bucket before or after every request to S3."""

import contextlib
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modules.cli.local_aws.bucket import BUCKET, LocalBucket
from modules.cli.models.upload import Place, upload
from modules.errors import FolderChangedError, ModelError, StorageError
from modules.models.folder import LocalFolder, S3Folder
from modules.models.loader import load_model
from modules.models.store import ModelStore
from modules.settings import Settings
from modules.storage.client import create_client
from tests.cli.command import models
from tests.colour_model import weights, write_colour_model

PLACE = Place(BUCKET, "models/colours/")


def write_swapped_model(folder: Path, stem: str = "colours") -> Path:
    """Writes the colour model with red and green swapped, both in the weights and in the labels.

    Its files have the same sizes and the same architecture as the colour model's, so that a mixture
    of the two models loads. Only the digest shows that it is a mixture.
    """
    write_colour_model(folder)
    values = np.frombuffer(weights()[20:], "<f4").copy()
    kernel = values[7:].reshape(7, 3)
    kernel[[5, 6]] = kernel[[6, 5]]
    (folder / "colours.weights").write_bytes(weights()[:20] + values.tobytes())
    (folder / "colours.names").write_text("green\nred\n")
    for path in list(folder.iterdir()):
        path.rename(path.with_stem(stem))
    return folder


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return write_colour_model(tmp_path / "old" / "colours")


@pytest.fixture(params=["colours", "others"])
def new(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The swapped model, with the old model's file names or with others."""
    return write_swapped_model(tmp_path / "new" / "colours", request.param)


def files(folder: Path) -> dict[str, Path]:
    return {path.name: path for path in sorted(folder.iterdir())}


def digest(folder: Path) -> str:
    return load_model(LocalFolder(folder), Settings()).digest


def put_by_hand(bucket: LocalBucket, folder: Path) -> None:
    for path in folder.iterdir():
        bucket.client.upload_file(str(path), BUCKET, PLACE.prefix + path.name)


def put_with_manifest(bucket: LocalBucket, folder: Path) -> None:
    upload(bucket.client, files(folder), PLACE)


def empty(bucket: LocalBucket) -> None:
    for item in bucket.client.list_objects_v2(Bucket=BUCKET).get("Contents", ()):
        bucket.client.delete_object(Bucket=BUCKET, Key=item["Key"])


def read(bucket: LocalBucket) -> str:
    """Returns the digest of the model in the bucket; "" if it is refused."""
    folder = S3Folder(bucket.client, BUCKET, PLACE.prefix)
    try:
        return load_model(folder, Settings()).digest
    except (ModelError, FolderChangedError):
        return ""


def watched(callback: Callable[[], object], when: str) -> Any:
    """Returns a client that calls `callback` before or after each request."""

    def listen(**_: object) -> None:
        callback()

    client = create_client()
    client.meta.events.register(f"{when}-call.s3", listen)
    return client


@pytest.mark.parametrize("has_manifest", [True, False])
def test_a_reader_always_gets_the_old_model_the_new_one_or_a_refusal(
    bucket: LocalBucket, old: Path, new: Path, has_manifest: bool
) -> None:
    put_with_manifest(bucket, old) if has_manifest else put_by_hand(bucket, old)
    seen = [read(bucket)]

    upload(watched(lambda: seen.append(read(bucket)), "after"), files(new), PLACE)

    before, after = digest(old), digest(new)
    assert len(seen) >= 6
    assert set(seen) <= {before, after, ""}
    assert (seen[0], seen[-1]) == (before, after)
    first_new = seen.index(after)
    assert before not in seen[first_new:]
    assert set(seen[first_new:]) == {after}  # the reader never goes back


def test_a_model_with_a_manifest_is_replaced_by_other_names_without_a_refusal(
    bucket: LocalBucket, old: Path, tmp_path: Path
) -> None:
    new = write_swapped_model(tmp_path / "new", "others")
    upload(bucket.client, files(old), PLACE)
    seen: list[str] = []

    upload(watched(lambda: seen.append(read(bucket)), "after"), files(new), PLACE)

    assert set(seen) == {digest(old), digest(new)}


def test_a_warm_store_always_has_a_model_during_an_upload(
    bucket: LocalBucket, old: Path, new: Path
) -> None:
    upload(bucket.client, files(old), PLACE)
    store = ModelStore(bucket.client, Settings(model=PLACE.prefix, model_ttl_seconds=0))
    seen = [store.model_for(BUCKET).digest]

    upload(watched(lambda: seen.append(store.model_for(BUCKET).digest), "after"), files(new), PLACE)

    assert set(seen) == {digest(old), digest(new)}
    assert seen == sorted(seen, key=[digest(old), digest(new)].index)


@pytest.mark.parametrize("has_manifest", [True, False])
def test_an_upload_that_stops_anywhere_leaves_no_mixture_and_another_completes_it(
    bucket: LocalBucket, old: Path, new: Path, has_manifest: bool
) -> None:
    for requests in range(1, 11):  # the last number is enough for the whole upload
        empty(bucket)
        put_with_manifest(bucket, old) if has_manifest else put_by_hand(bucket, old)

        left = requests

        def disconnect() -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise OSError("by the test")

        with contextlib.suppress(StorageError):
            upload(watched(disconnect, "before"), files(new), PLACE)
        assert read(bucket) in {digest(old), digest(new), ""}

        upload(bucket.client, files(new), PLACE)

        assert read(bucket) == digest(new)
    assert left >= 0


def test_only_files_of_the_old_model_are_deleted(
    bucket: LocalBucket, old: Path, tmp_path: Path
) -> None:
    (old / "LICENCE").write_text("free")
    new = write_swapped_model(tmp_path / "new", "others")
    upload(bucket.client, files(old), PLACE)
    for name in ("street.jpg", "below/colours.cfg", "stray.cfg"):
        bucket.client.put_object(Bucket=BUCKET, Key=PLACE.prefix + name, Body=b"")

    upload(bucket.client, files(new), PLACE)

    contents = bucket.client.list_objects_v2(Bucket=BUCKET, Prefix=PLACE.prefix)["Contents"]
    assert sorted(item["Key"].removeprefix(PLACE.prefix) for item in contents) == [
        "SHA256SUMS",
        "below/colours.cfg",
        "others.cfg",
        "others.names",
        "others.weights",
        "street.jpg",
    ]


def test_push_prints_the_address_and_the_bucket_has_the_model(
    bucket: LocalBucket, old: Path
) -> None:
    run = models("push", old, f"s3://{BUCKET}/models/", environment=bucket.environment)

    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout == f"s3://{BUCKET}/models/colours/\n"
    assert read(bucket) == digest(old)


def test_a_terminal_gets_progress_bars(bucket: LocalBucket, old: Path) -> None:
    (old / "notes.bin").write_bytes(bytes(10_000_000))  # large enough for a multipart upload

    run = models(
        "push",
        old,
        f"s3://{BUCKET}/models/mine",
        environment={"FORCE_COLOR": "1", **bucket.environment},
    )

    assert run.returncode == 0
    assert "notes.bin" in run.stderr
    assert "10.0/10.0 MB" in run.stderr
    stored = bucket.client.head_object(Bucket=BUCKET, Key="models/mine/notes.bin")
    assert stored["ContentLength"] == 10_000_000


def test_files_that_the_local_manifest_does_not_list_are_not_uploaded(
    bucket: LocalBucket, old: Path
) -> None:
    command = "sha256sum colours.* > SHA256SUMS"
    subprocess.run(["bash", "-c", command], cwd=old, check=True)
    (old / "other.cfg").write_text("")
    (old / ".hidden").write_text("")

    assert (
        models("push", old, f"s3://{BUCKET}/models/", environment=bucket.environment).returncode
        == 0
    )
    assert set(S3Folder(bucket.client, BUCKET, PLACE.prefix).files()) == {
        "colours.cfg", "colours.names", "colours.weights", "SHA256SUMS",
    }  # fmt: skip


def test_a_folder_that_does_not_load_is_not_uploaded(bucket: LocalBucket, old: Path) -> None:
    (old / "colours.names").write_text("red\n")

    run = models("push", old, f"s3://{BUCKET}/models/", environment=bucket.environment)

    assert run.returncode == 1
    assert "has 1 classes, one a line; the network has 2" in run.stderr
    assert S3Folder(bucket.client, BUCKET, PLACE.prefix).files() == {}


def test_a_network_with_outputs_that_are_not_finite_is_not_uploaded(
    bucket: LocalBucket, old: Path
) -> None:
    data = (old / "colours.weights").read_bytes()
    (old / "colours.weights").write_bytes(data[:-4] + np.array(np.nan, "<f4").tobytes())

    run = models("push", old, f"s3://{BUCKET}/models/", environment=bucket.environment)

    assert run.returncode == 1
    assert "puts out numbers that are not finite" in run.stderr
    assert S3Folder(bucket.client, BUCKET, PLACE.prefix).files() == {}


@pytest.mark.parametrize("target", ["my-bucket/models/", "s3://", "s3://my-bucket", "s3:///models"])
def test_a_target_that_is_not_an_s3_prefix_is_wrong_usage(old: Path, target: str) -> None:
    run = models("push", old, target)

    assert run.returncode == 2
    assert "is not of the form s3://BUCKET/PREFIX, like s3://my-bucket/models/colours" in run.stderr


def test_the_error_names_a_bucket_that_does_not_exist(bucket: LocalBucket, old: Path) -> None:
    run = models("push", old, "s3://nowhere/models/", environment=bucket.environment)

    assert run.returncode == 1
    assert "s3://nowhere/models/colours/: NoSuchBucket" in run.stderr


@pytest.mark.parametrize(
    ("target", "prefix"),
    [
        ("s3://b/models/", "models/name/"),
        ("s3://b/models/mine", "models/mine/"),
        ("s3://b/", "name/"),
    ],
)
def test_a_target_that_ends_with_a_slash_gets_the_folder_name_added(
    target: str, prefix: str
) -> None:
    assert Place.parse(target, "name") == Place("b", prefix)
