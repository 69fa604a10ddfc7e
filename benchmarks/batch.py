"""What the Spark jobs do, in ratios to named baselines, on two cores of this machine.

    make bench-batch
    .venv/bin/python benchmarks/batch.py [--only NAME ...] [--fruits FOLDER] [--photos FOLDER]

Each measure is one function below and a line or more of benchmarks/batch.md, which is written
anew for those that run. The fruits are `demo/render.py fruits`'s; the photos those of SHARED_DATA.
Rates of jobs are those they report, without the start of Spark, which has a line of its own.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import boto3
import pyarrow.parquet

from benchmarks.machine import describe_machine
from benchmarks.processes import Run, run
from benchmarks.s3_gateway import gateway
from tests.resnet50 import write_resnet50

_ROOT = Path(__file__).parent.parent
_TABLE = Path(__file__).with_suffix(".md")
_CACHE = _ROOT / ".cache" / "benchmarks"
_CORES = 2
_JOB = [sys.executable, "-m", "modules", "batch"]
_LOOP = [sys.executable, _ROOT / "benchmarks" / "batch_loops.py"]
_SPARK_ML_SECONDS = 400.0
_PHOTOS = (2_000, 8_000)

# What jobs say when they have ended
_DONE = r"([\d,]+) of [\d,]+ images done in ([\d,.]+) s"
_REDUCED = r"in ([\d,.]+) s, scores and pictures in ([\d,.]+) s"

Rows = Iterator[tuple[str, str]]


def main() -> int:
    """Measures, and writes the table."""
    parser = argparse.ArgumentParser(description="the Spark jobs, measured")
    parser.add_argument("--only", nargs="+", choices=_MEASURES, default=list(_MEASURES))
    parser.add_argument("--fruits", type=Path, default=_CACHE / "fruits")
    parser.add_argument(
        "--photos", type=Path, default=Path(os.environ.get("SHARED_DATA", "../shared"))
    )
    arguments = parser.parse_args()
    _CACHE.mkdir(parents=True, exist_ok=True)
    for name in arguments.only:
        rows = list(_MEASURES[name](arguments))
        _record(name, rows)
        for what, figure in rows:
            print(f"{what}: {figure}", flush=True)
    return 0


def _record(name: str, rows: list[tuple[str, str]]) -> None:
    """Keeps what was measured, and writes all that was ever as one table."""
    store = _CACHE / "batch.json"
    known = json.loads(store.read_text()) if store.exists() else {}
    known[name] = rows
    store.write_text(json.dumps(known))
    lines = [
        f"On {describe_machine()}, {_CORES} of them taken.",
        "",
        "| what | measured |",
        "|---|---|",
    ]
    for measure in _MEASURES:
        lines += [f"| {what} | {figure} |" for what, figure in known.get(measure, ())]
    _TABLE.write_text("\n".join(lines) + "\n")


def _detect(arguments: argparse.Namespace) -> Rows:
    """Two sizes, for Spark warms up in the first seconds of a job."""
    for count in _PHOTOS:
        with tempfile.TemporaryDirectory() as folder:
            photos = _photos(arguments.photos, Path(folder, "photos"), count)
            model = arguments.photos / "models" / "yolo-fastest-1.1-xl"
            loop = [*_LOOP, "detect", photos, 400, model]
            job = [*_JOB, "detect", photos, "--model", model, "--output", Path(folder, "out")]
            yield from _against_loop(f"detect, yolo-fastest-1.1-xl, {count:,} photos", job, loop)


def _featurize(arguments: argparse.Namespace) -> Rows:
    with tempfile.TemporaryDirectory() as folder:
        fruits = _some_fruits(_fruits(arguments), Path(folder, "fruits"), 3_000)
        loop = [*_LOOP, "featurize", fruits, 400, _resnet()]
        job = [*_JOB, "featurize", fruits, "--model", _resnet(), "--size", 100]
        job += ["--output", Path(folder, "out")]
        yield from _against_loop("featurize, ResNet50 at 100 x 100, 3,000 fruits", job, loop)


def _thumbnails(arguments: argparse.Namespace) -> Rows:
    with tempfile.TemporaryDirectory() as folder:
        loop = [*_LOOP, "thumbnails", _fruits(arguments), 20_000]
        job = [*_JOB, "thumbnails", _fruits(arguments), "--output", Path(folder, "out")]
        yield from _against_loop("thumbnails, 20 x 20, 67,692 fruits", job, loop)


def _against_loop(what: str, job: list[object], loop: list[object]) -> Rows:
    """A job on two cores, against twice one bare loop, and against two bare loops at once."""
    before = [_rates(loop, 1)[0], sum(_rates(loop, 2))]
    ended = run([*job, "--master", f"local[{_CORES}]"])
    after = [_rates(loop, 1)[0], sum(_rates(loop, 2))]
    one, two = (statistics.mean(pair) for pair in zip(before, after, strict=True))
    rate = _rate(ended)
    yield f"{what}: images/s, two cores", f"{rate:,.1f}"
    yield f"{what}: images/s, one bare loop", f"{one:,.1f} ({before[0]:,.1f}, {after[0]:,.1f})"
    yield f"{what}: job / (2 x one bare loop)", f"{rate / (2 * one):.2f}"
    yield f"{what}: job / two bare loops at once", f"{rate / two:.2f} (they: {two:,.1f})"
    yield f"{what}: seconds in all, with Spark's start", f"{ended.seconds:,.0f}"
    yield f"{what}: most memory", _memory(ended)


def _rates(loop: list[object], count: int) -> list[float]:
    """Images a second of so many loops at once."""
    command = [str(part) for part in loop]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(count)]
    return [float(process.communicate()[0]) for process in processes]


def _small_pca(_: argparse.Namespace) -> Rows:
    """8 x 8,192, in one session, Spark ML's last: it cannot be broken off but with the process."""
    program = [sys.executable, _ROOT / "benchmarks" / "batch_pca.py"]
    process = subprocess.Popen(
        [str(part) for part in program],
        env={**os.environ, "SPARK_DRIVER_MEMORY": "14g"},
        stdout=subprocess.PIPE,
        text=True,
    )
    ours = float(process.stdout.readline() if process.stdout else "")
    try:
        theirs, end = float(process.communicate(timeout=_SPARK_ML_SECONDS)[0]), ""
    except subprocess.TimeoutExpired:
        process.kill()
        theirs, end = _SPARK_ML_SECONDS, " and had not ended"
    at_least = "at least " if end else ""
    yield "PCA(16) of 8 x 8,192: ours, seconds", f"{ours:.2f}"
    yield "PCA(16) of 8 x 8,192: Spark ML, seconds", f"{theirs:,.0f}{end}"
    yield "PCA(16) of 8 x 8,192: Spark ML / ours", f"{at_least}{theirs / ours:,.0f}"


def _large_pca(_: argparse.Namespace) -> Rows:
    with tempfile.TemporaryDirectory() as folder:
        features = _CACHE / "features"
        if not features.exists():
            _write_features(features)
        job = [*_JOB, "reduce", features, "--pca", 16, "--output", Path(folder, "out")]
        ended = run([*job, "--master", f"local[{_CORES}]"])
        found, written = _told(ended, _REDUCED)
        yield "PCA(16) of 67,692 x 2,048 from Parquet, seconds", f"{found:,.1f}"
        yield "PCA(16) of 67,692 x 2,048: scores, CSV and pictures, seconds", f"{written:,.1f}"
        yield "PCA(16) of 67,692 x 2,048: most memory", _memory(ended)


def _chain(arguments: argparse.Namespace) -> Rows:
    """The job `run`, from bucket to bucket; what serves them takes of the same two cores."""
    what = "the chain, 67,692 fruits of 131 classes, ONNX Runtime, from s3a to s3a"
    with gateway(_CACHE / "s3", _CACHE / "tools") as environment:
        client = boto3.client(
            "s3",
            endpoint_url=environment["AWS_ENDPOINT_URL"],
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            region_name=environment["AWS_REGION"],
        )
        _put_fruits(client, _fruits(arguments))
        output = f"s3a://reduced/{time.time():.0f}"
        job = [*_JOB, "run", "s3a://fruits/", "--model", _resnet(), "--size", "100"]
        job += ["--pca", "16", "--output", output, "--master", f"local[{_CORES}]"]
        ended = run(job, environment={**environment, "ENGINE": "onnxruntime"})
        stages = [_told(ended, _DONE)[1], *_told(ended, _REDUCED)]
        prefix = output.removeprefix("s3a://reduced/")
        written = {}
        for name in ("scores.csv", "scatter.png", "explained_variance.png"):
            body = client.get_object(Bucket="reduced", Key=f"{prefix}/{name}")["Body"]
            written[name] = body.read()
            (_CACHE / f"chain-{name}").write_bytes(written[name])
    lines = written["scores.csv"].splitlines()
    rest = ended.seconds - sum(stages)
    yield f"{what}: minutes", f"{ended.seconds / 60:.1f}"
    yield f"{what}: of which features", f"{stages[0] / 60:.1f} ({_rate(ended):,.1f} images/s)"
    yield f"{what}: standardising and PCA(16)", f"{stages[1] / 60:.1f}"
    yield f"{what}: scores, CSV, pictures", f"{stages[2] / 60:.1f}"
    yield f"{what}: Spark's start, listing, checking", f"{rest / 60:.1f}"
    yield f"{what}: lines of scores.csv", f"{len(lines):,}"
    yield f"{what}: most memory", _memory(ended)


def _put_fruits(client: Any, fruits: Path) -> None:
    """Puts them into the bucket `fruits`, those that are not there yet."""
    buckets = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
    for bucket in {"fruits", "reduced"} - buckets:
        client.create_bucket(Bucket=bucket)
    pages = client.get_paginator("list_objects_v2").paginate(Bucket="fruits")
    there = {item["Key"] for page in pages for item in page.get("Contents", ())}
    for path in fruits.rglob("*.jpg"):
        key = str(path.relative_to(fruits))
        if key not in there:
            client.put_object(Bucket="fruits", Key=key, Body=path.read_bytes())


def _kills(arguments: argparse.Namespace) -> Rows:
    with tempfile.TemporaryDirectory() as folder:
        photos = _photos(arguments.photos, Path(folder, "photos"), 2_000)
        out = Path(folder, "out")
        model = arguments.photos / "models" / "yolo-fastest-1.1-xl"
        job = [*_JOB, "detect", photos, "--model", model, "--output", out]
        chance, left = random.Random(7), []
        for _ in range(3):
            process = subprocess.Popen(
                [str(part) for part in [*job, "--master", f"local[{_CORES}]"]],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            time.sleep(chance.uniform(12, 40))
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            left.append(_count(out))
        ended = run([*job, "--master", f"local[{_CORES}]"])
        paths = collections.Counter(pyarrow.parquet.read_table(out)["path"].to_pylist())
    yield "three kills: rows that were there after each", ", ".join(map(str, left))
    yield (
        "three kills: rows in the end, images, most rows of one",
        (f"{sum(paths.values()):,}, {len(paths):,}, {max(paths.values())} (exit {ended.code})"),
    )


def _broken(arguments: argparse.Namespace) -> Rows:
    with tempfile.TemporaryDirectory() as folder:
        photos = _photos(arguments.photos, Path(folder, "photos"), 2_000)
        broken = random.Random(1).sample(sorted(photos.iterdir()), 20)
        for index, path in enumerate(broken):
            data = path.read_bytes()
            path.unlink()
            path.write_bytes([b"", data[: len(data) // 2], b"no image"][index % 3])
        out = Path(folder, "out")
        model = arguments.photos / "models" / "yolo-fastest-1.1-xl"
        ended = run([*_JOB, "detect", photos, "--model", model, "--output", out])
        rows = pyarrow.parquet.read_table(out).to_pylist()
    wrong = {row["path"].removeprefix("file:") for row in rows if row["error"] is not None}
    if wrong != set(map(str, broken)):
        raise RuntimeError(f"others have an error: {wrong.symmetric_difference(map(str, broken))}")
    yield (
        "1 % broken: rows, of which with an error",
        (f"{len(rows):,}, {len(wrong)} (exit {ended.code}, those that were broken and no others)"),
    )


def _count(out: Path) -> int:
    return sum(pyarrow.parquet.read_metadata(path).num_rows for path in out.glob("part-*"))


def _rate(ended: Run) -> float:
    """Images a second, as the job told."""
    images, seconds = _told(ended, _DONE)
    return images / seconds


def _told(ended: Run, pattern: str) -> list[float]:
    """The numbers in what a job said."""
    found = re.search(pattern, ended.output)
    if found is None:
        raise RuntimeError(f"the job did not end well:\n{ended.output}")
    return [float(text.replace(",", "")) for text in found.groups()]


def _memory(ended: Run) -> str:
    return f"driver {ended.driver / 1e6:,.0f} MB, {_CORES} workers {ended.workers / 1e6:,.0f} MB"


def _photos(shared: Path, folder: Path, count: int) -> Path:
    """So many photos: those that there are, in turn, under other names."""
    folder.mkdir()
    found = sorted([*(shared / "coco128" / "images").iterdir(), *(shared / "photos").iterdir()])
    for index in range(count):
        path = found[index % len(found)]
        shutil.copyfile(path, folder / f"{index:05}{path.suffix}")
    return folder


def _some_fruits(fruits: Path, folder: Path, count: int) -> Path:
    paths = sorted(fruits.rglob("*.jpg"))
    for path in random.Random(0).sample(paths, count):
        target = folder / path.relative_to(fruits)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    return folder


def _fruits(arguments: argparse.Namespace) -> Path:
    """The 67,692 fruits, drawn where they are not there yet."""
    fruits: Path = arguments.fruits
    if not fruits.exists():
        render = [_ROOT / "demo" / "render.py", "fruits", fruits, "--count", "67692"]
        subprocess.run([sys.executable, *map(str, render)], check=True)
    return fruits


def _resnet() -> Path:
    """ResNet50 with random weights."""
    folder = _CACHE / "resnet50"
    return folder if folder.exists() else write_resnet50(folder)


def _write_features(folder: Path) -> None:
    """A table of 67,692 x 2,048 features as a network's are: correlated, and none below 0."""
    import numpy as np
    import pyarrow as pa

    folder.mkdir()
    rng = np.random.default_rng(0)
    mixing = rng.standard_normal((64, 2_048)) * 0.9 ** np.arange(64)[:, np.newaxis]
    for number, rows in enumerate(np.array_split(np.arange(67_692), 133)):
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


_MEASURES: dict[str, Callable[[argparse.Namespace], Rows]] = {
    "detect": _detect,
    "featurize": _featurize,
    "thumbnails": _thumbnails,
    "small-pca": _small_pca,
    "large-pca": _large_pca,
    "chain": _chain,
    "kills": _kills,
    "broken": _broken,
}

if __name__ == "__main__":
    sys.exit(main())
