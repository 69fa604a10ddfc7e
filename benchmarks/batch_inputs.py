"""The images, networks and tables that benchmarks/batch.py runs the Spark jobs on."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pyarrow as pa
import pyarrow.parquet

from benchmarks.s3_gateway import gateway
from tests.resnet50 import write_resnet50

ROOT = Path(__file__).parent.parent
CACHE = ROOT / ".cache" / "benchmarks"
FRUITS = 67_692


def copy_photos(shared: Path, folder: Path, count: int) -> Path:
    """Writes `count` photos to `folder`: those of the shared folder, repeated under new names."""
    folder.mkdir()
    found = sorted([*(shared / "coco128" / "images").iterdir(), *(shared / "photos").iterdir()])
    for index in range(count):
        path = found[index % len(found)]
        shutil.copyfile(path, folder / f"{index:05}{path.suffix}")
    return folder


def copy_fruits(fruits: Path, folder: Path, count: int) -> Path:
    """Copies a random sample of `count` fruits to `folder`, with their folders."""
    paths = sorted(fruits.rglob("*.jpg"))
    for path in random.Random(0).sample(paths, count):
        target = folder / path.relative_to(fruits)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    return folder


def render_fruits(folder: Path) -> Path:
    """Renders the 67,692 fruits with demo/render.py, unless `folder` exists."""
    if not folder.exists():
        render = [ROOT / "demo" / "render.py", "fruits", folder, "--count", FRUITS]
        subprocess.run([sys.executable, *map(str, render)], check=True)
    return folder


@contextmanager
def s3_with_fruits(folder: Path) -> Iterator[tuple[Any, dict[str, str]]]:
    """Serves the bucket `fruits`, 8,000 of them in `few-fruits`, and the empty bucket `reduced`.

    Yields a client, and the environment variables of jobs.
    """
    with gateway(CACHE / "s3", CACHE / "tools") as environment:
        client = boto3.client(
            "s3",
            endpoint_url=environment["AWS_ENDPOINT_URL"],
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            region_name=environment["AWS_REGION"],
        )
        paths = sorted(render_fruits(folder).rglob("*.jpg"))
        keys = {path: path.relative_to(folder).as_posix() for path in paths}
        _upload(client, "fruits", keys)
        few = random.Random(0).sample(paths, 8_000)
        _upload(client, "few-fruits", {path: keys[path] for path in few})
        _upload(client, "reduced", {})
        yield client, environment


def _upload(client: Any, name: str, keys: dict[Path, str]) -> None:
    """Uploads the files that are missing from a bucket."""
    if name not in {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}:
        client.create_bucket(Bucket=name)
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=name)
    uploaded = {item["Key"] for page in pages for item in page.get("Contents", ())}
    for path, key in keys.items():
        if key not in uploaded:
            client.put_object(Bucket=name, Key=key, Body=path.read_bytes())


def write_empty_files(folder: Path, count: int) -> Path:
    """Writes empty files named like images, a thousand per folder, unless `folder` exists."""
    if not folder.exists():
        part = folder.with_suffix(".part")
        for number in range(count):
            path = part / f"{number // 1000:04}" / f"{number:07}.jpg"
            if not number % 1000:
                path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        part.rename(folder)
    return folder


def resnet() -> Path:
    """Returns a model folder of ResNet50 with random weights."""
    folder = CACHE / "resnet50"
    return folder if folder.exists() else write_resnet50(folder)


def write_features(folder: Path) -> Path:
    """Writes a table of 67,692 x 2,048 features, unless `folder` exists.

    They are correlated, and none is below 0, like those of a network.
    """
    if folder.exists():
        return folder
    folder.mkdir()
    rng = np.random.default_rng(0)
    mixing = rng.standard_normal((64, 2_048)) * 0.9 ** np.arange(64)[:, np.newaxis]
    for number, rows in enumerate(np.array_split(np.arange(FRUITS), 133)):
        numbers = rng.standard_normal((len(rows), 64)) @ mixing
        numbers += 0.3 * rng.standard_normal(numbers.shape)
        values = pa.array(np.maximum(numbers, 0).astype(np.float32).ravel())
        offsets = pa.array(np.arange(len(rows) + 1, dtype=np.int32) * 2_048)
        columns = {
            "path": [f"file:/fruits/{index:05}.jpg" for index in rows],
            "label": [f"fruit-{index % 131}" for index in rows],
            "error": pa.array([None] * len(rows), pa.string()),
            "features": pa.ListArray.from_arrays(offsets, values),
        }
        pyarrow.parquet.write_table(pa.table(columns), folder / f"part-{number:03}.parquet")
    return folder
