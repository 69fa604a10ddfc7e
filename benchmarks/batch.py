"""Measures the Spark jobs on two cores of this machine, as ratios to named baselines.

    make bench-batch
    .venv/bin/python benchmarks/batch.py [--only NAME ...] [--fruits FOLDER] [--photos FOLDER]

Each measure is one function below, and one or more lines of benchmarks/batch.md; a run replaces the
lines of its measures. demo/render.py renders the fruits; the photos are those of SHARED_DATA. The
rate of a job is the one that it prints. It does not include Spark's start, which another line has.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import pyarrow.parquet

from benchmarks.batch_comparison import (
    CORES,
    DONE,
    JOB,
    LOOP,
    Rows,
    against_loop,
    list_targets,
    memory,
    numbers,
    rate_of,
    rates,
)
from benchmarks.batch_inputs import (
    CACHE,
    ROOT,
    copy_fruits,
    copy_photos,
    render_fruits,
    resnet,
    s3_with_fruits,
    write_empty_files,
    write_features,
)
from benchmarks.machine import describe_machine
from benchmarks.processes import run

_TABLE = Path(__file__).with_suffix(".md")
_SPARK_ML_SECONDS = 400.0
_PHOTOS = (2_000, 8_000)
_FEATURIZED = (600, 3_000)
_TARGETS = {"detect": 0.92, "featurize": 0.92, "thumbnails": 0.5, "chain": 0.9}

# The last line of `reduce`
_REDUCED = r"in ([\d,.]+) s, scores and pictures in ([\d,.]+) s"


def main() -> int:
    """Runs the measures, and writes the table."""
    parser = argparse.ArgumentParser(description="the Spark jobs, measured")
    parser.add_argument("--only", nargs="+", choices=_MEASURES, default=list(_MEASURES))
    parser.add_argument("--fruits", type=Path, default=CACHE / "fruits")
    parser.add_argument(
        "--photos", type=Path, default=Path(os.environ.get("SHARED_DATA", "../shared"))
    )
    arguments = parser.parse_args()
    CACHE.mkdir(parents=True, exist_ok=True)
    for name in arguments.only:
        rows = list(_MEASURES[name](arguments))
        _record(name, rows)
        for what, figure in rows:
            print(f"{what}: {figure}", flush=True)
    return 0


def _record(name: str, rows: list[tuple[str, str]]) -> None:
    """Stores the rows of a measure, and writes those of all measures as one table."""
    store = CACHE / "batch.json"
    known = json.loads(store.read_text()) if store.exists() else {}
    known[name] = rows
    store.write_text(json.dumps(known))
    lines = [
        f"On {describe_machine()}, {CORES} of them used.",
        "",
        *list_targets(known, _TARGETS),
        "",
    ]
    lines += ["| what | measured |", "|---|---|"]
    for measure in _MEASURES:
        lines += [f"| {what} | {figure} |" for what, figure in known.get(measure, ())]
    _TABLE.write_text("\n".join(lines) + "\n")


def _detect(arguments: argparse.Namespace) -> Rows:
    few, many = _PHOTOS
    model = arguments.photos / "models" / "yolo-fastest-1.1-xl"
    with tempfile.TemporaryDirectory() as folder:
        photos = copy_photos(arguments.photos, Path(folder, "photos"), many)
        first = copy_photos(arguments.photos, Path(folder, "first"), few)
        yield from against_loop(
            f"detect, yolo-fastest-1.1-xl, {many:,} photos",
            [[*JOB, "detect", images, "--model", model] for images in (first, photos)],
            [*LOOP, "detect", photos, 400, model],
        )


def _featurize(arguments: argparse.Namespace) -> Rows:
    with tempfile.TemporaryDirectory() as folder:
        rendered = render_fruits(arguments.fruits)
        fruits = [copy_fruits(rendered, Path(folder, f"{count}"), count) for count in _FEATURIZED]
        yield from against_loop(
            f"featurize, ResNet50 at 100 x 100, {_FEATURIZED[1]:,} fruits",
            [[*JOB, "featurize", images, "--model", resnet(), "--size", 100] for images in fruits],
            [*LOOP, "featurize", fruits[1], 400, resnet()],
        )


def _thumbnails(arguments: argparse.Namespace) -> Rows:
    with tempfile.TemporaryDirectory() as folder:
        fruits = render_fruits(arguments.fruits)
        few = copy_fruits(fruits, Path(folder, "few"), 8_000)
        yield from against_loop(
            "thumbnails, 20 x 20, 67,692 fruits",
            [[*JOB, "thumbnails", images] for images in (few, fruits)],
            [*LOOP, "thumbnails", fruits, 20_000],
        )


def _thumbnails_of_bucket(arguments: argparse.Namespace) -> Rows:
    """Compares with loops that have as many requests at the same time as a worker."""
    with s3_with_fruits(arguments.fruits) as (_, environment):
        yield from against_loop(
            "thumbnails, 20 x 20, 67,692 fruits from s3a",
            [[*JOB, "thumbnails", f"s3a://{bucket}/"] for bucket in ("few-fruits", "fruits")],
            [*LOOP, "thumbnails-s3", "fruits", 8_000],
            environment=environment,
        )


def _million(_: argparse.Namespace) -> Rows:
    """Processes empty files, each of which becomes a row with an error."""
    with tempfile.TemporaryDirectory() as folder:
        keys = write_empty_files(CACHE / "million", 1_000_000)
        job = [*JOB, "thumbnails", keys, "--output", Path(folder, "out")]
        ended = run([*job, "--master", f"local[{CORES}]"])
    images, seconds = numbers(ended, DONE)
    what = f"{images:,.0f} empty files"
    yield f"{what}: seconds of Spark's start and the listing", f"{ended.seconds - seconds:,.0f}"
    yield f"{what}: seconds of the rounds, a row with an error each", f"{seconds:,.0f}"
    yield f"{what}: most memory", memory(ended)


def _small_pca(_: argparse.Namespace) -> Rows:
    """Measures 8 x 8,192 in one session: Spark ML last, as only killing the process stops it."""
    program = [sys.executable, ROOT / "benchmarks" / "batch_pca.py"]
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
        theirs, end = _SPARK_ML_SECONDS, " without ending"
    at_least = "at least " if end else ""
    yield "PCA(16) of 8 x 8,192: ours, seconds", f"{ours:.2f}"
    yield "PCA(16) of 8 x 8,192: Spark ML, seconds", f"{theirs:,.0f}{end}"
    yield "PCA(16) of 8 x 8,192: Spark ML / ours", f"{at_least}{theirs / ours:,.0f}"


def _large_pca(_: argparse.Namespace) -> Rows:
    with tempfile.TemporaryDirectory() as folder:
        features = write_features(CACHE / "features")
        job = [*JOB, "reduce", features, "--pca", 16, "--output", Path(folder, "out")]
        ended = run([*job, "--master", f"local[{CORES}]"])
        found, written = numbers(ended, _REDUCED)
        yield "PCA(16) of 67,692 x 2,048 from Parquet, seconds", f"{found:,.1f}"
        yield "PCA(16) of 67,692 x 2,048: scores, CSV and pictures, seconds", f"{written:,.1f}"
        yield "PCA(16) of 67,692 x 2,048: most memory", memory(ended)


def _chain(arguments: argparse.Namespace) -> Rows:
    """Measures the job `run` from bucket to bucket; the S3 server shares the two cores."""
    what = "run, 67,692 fruits of 131 classes, ONNX Runtime, from s3a to s3a"
    engine = {"ENGINE": "onnxruntime"}
    loop = [*LOOP, "featurize", render_fruits(arguments.fruits), 400, resnet()]
    before = sum(rates(loop, 2, engine))
    with s3_with_fruits(arguments.fruits) as (client, environment):
        output = f"s3a://reduced/{time.time():.0f}"
        job = [*JOB, "run", "s3a://fruits/", "--model", resnet(), "--size", "100"]
        job += ["--pca", "16", "--output", output, "--master", f"local[{CORES}]"]
        ended = run(job, environment={**environment, **engine})
        after = sum(rates(loop, 2, engine))
        stages = [numbers(ended, DONE)[1], *numbers(ended, _REDUCED)]
        prefix = output.removeprefix("s3a://reduced/")
        written = {}
        for name in ("scores.csv", "scatter.png", "explained_variance.png"):
            body = client.get_object(Bucket="reduced", Key=f"{prefix}/{name}")["Body"]
            written[name] = body.read()
            (CACHE / f"chain-{name}").write_bytes(written[name])
    lines = written["scores.csv"].splitlines()
    rest = ended.seconds - sum(stages)
    yield f"{what}: minutes", f"{ended.seconds / 60:.1f}"
    yield f"{what}: of which features", f"{stages[0] / 60:.1f} ({rate_of(ended):,.1f} images/s)"
    two = (before + after) / 2
    yield (
        f"{what}: features, over the engine / two bare loops at once",
        f"{rate_of(ended) / two:.2f} (both loops: {before:,.1f}, {after:,.1f})",
    )
    yield f"{what}: standardising and PCA(16)", f"{stages[1] / 60:.1f}"
    yield f"{what}: scores, CSV, pictures", f"{stages[2] / 60:.1f}"
    yield f"{what}: Spark's start, listing, checking", f"{rest / 60:.1f}"
    yield f"{what}: lines of scores.csv", f"{len(lines):,}"
    yield f"{what}: most memory", memory(ended)


def _kills(arguments: argparse.Namespace) -> Rows:
    with tempfile.TemporaryDirectory() as folder:
        photos = copy_photos(arguments.photos, Path(folder, "photos"), 2_000)
        out = Path(folder, "out")
        model = arguments.photos / "models" / "yolo-fastest-1.1-xl"
        job = [*JOB, "detect", photos, "--model", model, "--output", out]
        random_source, counts = random.Random(7), []
        for _ in range(3):
            process = subprocess.Popen(
                [str(part) for part in [*job, "--master", f"local[{CORES}]"]],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            time.sleep(random_source.uniform(12, 40))
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            counts.append(_count(out))
        ended = run([*job, "--master", f"local[{CORES}]"])
        paths = collections.Counter(pyarrow.parquet.read_table(out)["path"].to_pylist())
    yield "three kills: rows after each", ", ".join(map(str, counts))
    yield (
        "three kills: rows at the end, images, most rows per image",
        (f"{sum(paths.values()):,}, {len(paths):,}, {max(paths.values())} (exit {ended.code})"),
    )


def _broken(arguments: argparse.Namespace) -> Rows:
    with tempfile.TemporaryDirectory() as folder:
        photos = copy_photos(arguments.photos, Path(folder, "photos"), 2_000)
        bad = random.Random(1).sample(sorted(photos.iterdir()), 20)
        for index, path in enumerate(bad):
            data = path.read_bytes()
            path.unlink()
            path.write_bytes([b"", data[: len(data) // 2], b"no image"][index % 3])
        out = Path(folder, "out")
        model = arguments.photos / "models" / "yolo-fastest-1.1-xl"
        ended = run([*JOB, "detect", photos, "--model", model, "--output", out])
        rows = pyarrow.parquet.read_table(out).to_pylist()
    wrong = {row["path"].removeprefix("file:") for row in rows if row["error"] is not None}
    if wrong != set(map(str, bad)):
        raise RuntimeError(
            f"the wrong rows have an error: {wrong.symmetric_difference(map(str, bad))}"
        )
    yield (
        "1 % bad images: rows, of which with an error",
        (f"{len(rows):,}, {len(wrong)} (exit {ended.code}, those of the bad images and no others)"),
    )


def _count(out: Path) -> int:
    return sum(pyarrow.parquet.read_metadata(path).num_rows for path in out.glob("part-*"))


_MEASURES: dict[str, Callable[[argparse.Namespace], Rows]] = {
    "detect": _detect,
    "featurize": _featurize,
    "thumbnails": _thumbnails,
    "thumbnails-s3": _thumbnails_of_bucket,
    "million": _million,
    "small-pca": _small_pca,
    "large-pca": _large_pca,
    "chain": _chain,
    "kills": _kills,
    "broken": _broken,
}

if __name__ == "__main__":
    sys.exit(main())
