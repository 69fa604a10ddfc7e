"""Uploads of models, looked at by a reader after every single request that they make of S3."""

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
    """Same architecture, same sizes, red and green the other way round: files that fit any other.

    Only a name out of place tells a mixture of it and the colour model from either.
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
    """A model with the same file names as the old one, or with others."""
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
    """The digest of the model that lies in the bucket; "" for a refusal."""
    folder = S3Folder(bucket.client, BUCKET, PLACE.prefix)
    try:
        return load_model(folder, Settings()).digest
    except (ModelError, FolderChangedError):
        return ""


def watched(look: Callable[[], object], when: str) -> Any:
    """A client that has `look` look before or after each of its requests."""

    def listen(**_: object) -> None:
        look()

    client = create_client()
    client.meta.events.register(f"{when}-call.s3", listen)
    return client


@pytest.mark.parametrize("has_manifest", [True, False])
def test_at_every_moment_it_is_the_old_model_the_new_one_or_a_refusal(
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
    assert set(seen[first_new:]) == {after}  # once there, it stays


def test_beside_a_sealed_model_of_other_names_nothing_is_ever_refused(
    bucket: LocalBucket, old: Path, tmp_path: Path
) -> None:
    new = write_swapped_model(tmp_path / "new", "others")
    upload(bucket.client, files(old), PLACE)
    seen: list[str] = []

    upload(watched(lambda: seen.append(read(bucket)), "after"), files(new), PLACE)

    assert set(seen) == {digest(old), digest(new)}


def test_a_warm_function_never_loses_its_model(bucket: LocalBucket, old: Path, new: Path) -> None:
    upload(bucket.client, files(old), PLACE)
    store = ModelStore(bucket.client, Settings(model=PLACE.prefix, model_ttl_seconds=0))
    seen = [store.model_for(BUCKET).digest]

    upload(watched(lambda: seen.append(store.model_for(BUCKET).digest), "after"), files(new), PLACE)

    assert set(seen) == {digest(old), digest(new)}
    assert seen == sorted(seen, key=[digest(old), digest(new)].index)


@pytest.mark.parametrize("has_manifest", [True, False])
def test_an_upload_that_breaks_off_anywhere_leaves_no_mixture_and_is_mended_by_another(
    bucket: LocalBucket, old: Path, new: Path, has_manifest: bool
) -> None:
    for requests in range(1, 11):  # with the last, it does not break off any more
        empty(bucket)
        put_with_manifest(bucket, old) if has_manifest else put_by_hand(bucket, old)

        left = requests

        def break_off() -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise OSError("the line is dead")

        with contextlib.suppress(StorageError):
            upload(watched(break_off, "before"), files(new), PLACE)
        assert read(bucket) in {digest(old), digest(new), ""}

        upload(bucket.client, files(new), PLACE)

        assert read(bucket) == digest(new)
    assert left >= 0


def test_what_the_old_model_leaves_behind_is_deleted_and_nothing_else(
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


def test_a_pushed_folder_is_the_model_of_the_function(bucket: LocalBucket, old: Path) -> None:
    run = models("push", old, f"s3://{BUCKET}/models/", environment=bucket.environment)

    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout == f"s3://{BUCKET}/models/colours/\n"
    assert read(bucket) == digest(old)


def test_a_person_sees_how_far_it_has_come(bucket: LocalBucket, old: Path) -> None:
    (old / "notes.bin").write_bytes(bytes(10_000_000))  # enough to be sent in parts

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


def test_files_that_the_folders_own_seal_does_not_list_stay_here(
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


def test_a_folder_that_is_no_model_is_not_uploaded(bucket: LocalBucket, old: Path) -> None:
    (old / "colours.names").write_text("red\n")

    run = models("push", old, f"s3://{BUCKET}/models/", environment=bucket.environment)

    assert run.returncode == 1
    assert "has 1 classes, one a line; the network has 2" in run.stderr
    assert S3Folder(bucket.client, BUCKET, PLACE.prefix).files() == {}


def test_a_network_that_puts_out_no_numbers_is_not_uploaded(bucket: LocalBucket, old: Path) -> None:
    data = (old / "colours.weights").read_bytes()
    (old / "colours.weights").write_bytes(data[:-4] + np.array(np.nan, "<f4").tobytes())

    run = models("push", old, f"s3://{BUCKET}/models/", environment=bucket.environment)

    assert run.returncode == 1
    assert "puts out numbers that are not finite" in run.stderr
    assert S3Folder(bucket.client, BUCKET, PLACE.prefix).files() == {}


@pytest.mark.parametrize("target", ["my-bucket/models/", "s3://", "s3://my-bucket", "s3:///models"])
def test_a_target_that_is_no_place_in_a_bucket_is_wrong_usage(old: Path, target: str) -> None:
    run = models("push", old, target)

    assert run.returncode == 2
    assert "is not of the form s3://BUCKET/PREFIX, like s3://my-bucket/models/colours" in run.stderr


def test_a_bucket_that_is_not_there_is_named(bucket: LocalBucket, old: Path) -> None:
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
def test_a_target_that_ends_with_a_slash_is_where_the_folder_goes(target: str, prefix: str) -> None:
    assert Place.parse(target, "name") == Place("b", prefix)
