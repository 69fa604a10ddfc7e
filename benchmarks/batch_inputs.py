"""The images, networks and tables that benchmarks/batch.py runs the Spark jobs on."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet

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


def upload_fruits(client: Any, fruits: Path) -> None:
    """Uploads the fruits that are missing from the bucket `fruits`."""
    buckets = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
    for bucket in {"fruits", "reduced"} - buckets:
        client.create_bucket(Bucket=bucket)
    pages = client.get_paginator("list_objects_v2").paginate(Bucket="fruits")
    uploaded = {item["Key"] for page in pages for item in page.get("Contents", ())}
    for path in fruits.rglob("*.jpg"):
        key = str(path.relative_to(fruits))
        if key not in uploaded:
            client.put_object(Bucket="fruits", Key=key, Body=path.read_bytes())


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
