"""What the function does, in ratios to named baselines, on this machine.

    make bench
    .venv/bin/python benchmarks/function.py [--only NAME ...]

Each measure is one function below, and a table of benchmarks/RESULTS.md, which is written anew with
those that ran and those that had run before. The baselines: naive_function.py, ONNX Runtime,
OpenVINO, and OpenCV 4.14 with its network kept. The networks are those of SHARED_DATA; where it has
a cfg alone, the weights are random, on which neither time nor memory depends, but for a bias that
leaves no boxes.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import itertools
import json
import math
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import cv2
import numpy as np

from benchmarks.cpu_share import CpuShare, CpuShareError
from benchmarks.distance import Distance
from benchmarks.invocations import WARM_UP
from benchmarks.machine import describe_machine
from benchmarks.prices import MEMORIES, S3_SECONDS, price
from modules.cli.local_aws.runtime_api import Invocation, RuntimeApi
from modules.cli.local_server import LocalServer
from modules.model_folder import LocalFolder
from modules.model_loader import load_model
from modules.object_detection.darknet import import_darknet
from modules.object_detection.darknet.cfg import parse_cfg
from modules.object_detection.image import encode_image
from modules.pipeline import Timings, draw, process
from modules.settings import Settings
from modules.threads import MB_PER_CORE as CORE_MB
from tests.object_detection.darknet.random_models import random_weights

_ROOT = Path(__file__).parent.parent
_HERE = Path(__file__).parent
_RESULTS = _HERE / "RESULTS.md"
_PLOT = _HERE / "results.png"
_CACHE = _ROOT / ".cache" / "benchmarks"
_SHARED = Path(os.environ.get("SHARED_DATA", "../shared"))
_BASELINES = _ROOT / ".venv-opencv4" / "bin" / "python"
_BUCKET = "pictures"
_WARM = 20  # invocations of a process
_WARM_TURNS = 3  # processes of each function
_SEVERAL = 10  # images of an event that has several
_PICTURES = 60  # in the bucket
_DISTANCE = 0.005  # seconds to S3, one way, where it is not another process on this machine
_COLD = 9  # starts of each
_IMPORTS_OF_EACH = 5
_TURNS = 4  # of each engine
_SHARED_OUT = 10  # invocations with a share of the cores, which may take seconds
_NETWORKS = ("yolo-fastest-1.1", "yolo-fastest-1.1-xl", "yolov3-tiny", "yolov4-tiny", "yolov3")
_GREY, _LIGHT, _BLUE, _DARK = "#b8b8b8", "#a9d1f0", "#4393c3", "#134b77"
_HEADROOM = 1.3  # of memory, over what was measured
_NO_BOX = -12.0  # a bias of objectness, as a logit

Rows = list[list[str]]


@dataclass(frozen=True)
class Table:
    """One measure's: a heading, what was measured and how, the bars, and rows."""

    title: str
    text: str
    header: list[str]
    rows: Rows


@dataclass(frozen=True)
class Side:
    """One of two functions that are compared."""

    name: str
    python: Path
    handler: Path


_OURS = Side("ours", Path(sys.executable), _ROOT / "lambda_function.py")
_NAIVE = Side("naive", _BASELINES, _HERE / "naive_function.py")


def main() -> int:
    """Measures, and writes the tables."""
    parser = argparse.ArgumentParser(description="the function, measured")
    parser.add_argument("--only", nargs="+", choices=_MEASURES, default=list(_MEASURES))
    arguments = parser.parse_args()
    for part in (_SHARED / "models", _SHARED / "cfg"):
        if not part.is_dir():
            parser.error(f"{part} is not there; SHARED_DATA names a folder with cfg/ and models/")
    _CACHE.mkdir(parents=True, exist_ok=True)
    status = 0
    for name in arguments.only:
        print(f"{name} ...", file=sys.stderr, flush=True)
        try:
            table = _MEASURES[name]()
        except CpuShareError as error:
            print(f"{name}: {error}", file=sys.stderr)
            status = 1
            continue
        _record(name, table)
        print("\n".join(" | ".join(row) for row in [table.header, *table.rows]), flush=True)
    return status


def _record(name: str, table: Table) -> None:
    """Keeps what was measured, and writes all that was ever."""
    store = _CACHE / "function.json"
    known = json.loads(store.read_text()) if store.exists() else {}
    known[name] = vars(table)
    store.write_text(json.dumps(known))
    parts = [(_HERE / "results_head.md").read_text().strip(), _machine()]
    for measure in _MEASURES:
        if measure in known:
            found = Table(**known[measure])
            lines = [found.header, ["---"] * len(found.header), *found.rows]
            table_text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
            parts.append(f"## {found.title}\n\n{found.text}\n\n{table_text}")
    parts.append((_HERE / "results_tried.md").read_text().strip())
    _RESULTS.write_text("\n\n".join(parts) + "\n")
    _plot({name: Table(**found) for name, found in known.items()})


def _plot(tables: dict[str, Table]) -> None:
    """Draws warm invocations, cold starts and engines, those that were measured."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot

    drawings = {"warm": _draw_warm, "cold": _draw_cold, "engines": _draw_engines}
    chosen = [name for name in drawings if name in tables]
    if not chosen:
        return
    figure, axes = pyplot.subplots(
        len(chosen), 1, figsize=(8, 2.8 * len(chosen)), layout="constrained", squeeze=False
    )
    for name, (axis,) in zip(chosen, axes, strict=True):
        drawings[name](axis, tables[name].rows)
        axis.set_title(tables[name].title, loc="left", fontsize=11)
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(_PLOT, dpi=110)
    pyplot.close(figure)


def _number(cell: str) -> float:
    return float(cell.strip("*").replace(",", ""))


def _draw_warm(axis: Any, rows: Rows) -> None:
    """A bar for naive and one an engine of ours, of which the forward pass is a part."""
    names, whole, forward, colours = list[str](), list[float](), list[float](), list[str]()
    for row in rows:
        if f"{row[0]}, naive" not in names:
            names.append(f"{row[0]}, naive")
            whole.append(_number(row[2]))
            forward.append(0.0)
            colours.append(_GREY)
        names.append(f"{row[0]}, ours, {row[1]}")
        whole.append(_number(row[3]))
        forward.append(_number(row[5]))
        colours.append(_BLUE)
    bars = axis.barh(names, whole, color=colours)
    axis.barh(names, forward, color=_DARK, label="of ours, the forward pass")
    axis.bar_label(bars, fmt="%.0f", padding=3)
    axis.set_xlabel("ms, without S3")
    axis.invert_yaxis()
    axis.legend(frameon=False)


def _draw_cold(axis: Any, rows: Rows) -> None:
    """A bar a start, of its stages."""
    names = [f"{row[0]}, S3 {row[1]}, {row[2]}" for row in rows]
    left = [0.0] * len(rows)
    for column, (stage, colour) in enumerate(
        (("ready", _GREY), ("model", _BLUE), ("image", _DARK)), start=3
    ):
        widths = [_number(row[column]) for row in rows]
        axis.barh(names, widths, left=left, color=colour, label=stage)
        left = [before + width for before, width in zip(left, widths, strict=True)]
    axis.set_xlabel("ms; naive loads its model within the image")
    axis.invert_yaxis()
    axis.legend(frameon=False)


def _draw_engines(axis: Any, rows: Rows) -> None:
    """Each engine's time on one core, over the best's."""
    rows = [row for row in rows if row[1] == "1"]
    names = ("ours, OpenCV", "ONNX Runtime", "OpenVINO", "OpenCV 4.14")
    for place, (name, colour) in enumerate(zip(names, (_DARK, _BLUE, _LIGHT, _GREY), strict=True)):
        best = [min(map(_number, row[2:6])) for row in rows]
        ratios = [_number(row[2 + place]) / least for row, least in zip(rows, best, strict=True)]
        places = [index + 0.2 * (place - 1.5) for index in range(len(rows))]
        axis.bar(places, ratios, 0.2, color=colour, label=name)
    axis.set_xticks(range(len(rows)), [row[0] for row in rows], fontsize=8)
    axis.set_ylabel("time / the best's, one thread")
    axis.axhline(1.25, color="black", linewidth=0.8, linestyle=":")
    axis.legend(frameon=False, ncols=2)


def _machine() -> str:
    """What it was measured on, in a sentence."""
    return (
        f"Measured on {describe_machine()}: OpenCV {cv2.__version__}, NumPy {np.__version__}, "
        f"Python {sys.version.split()[0]}."
    )


def _warm() -> Table:
    rows = []
    for network in ("yolov4-tiny", "yolo-fastest-1.1"):
        found = collections.defaultdict[str, list[dict[str, Any]]](list)
        with _function(network) as stage:
            for _ in range(_WARM_TURNS):
                found["naive"] += _invocations(stage, _NAIVE)
                for engine in ("opencv", "auto"):
                    found[engine] += _invocations(stage, _OURS, ENGINE=engine)
        naive = _median(found["naive"], _without_s3)
        for engine in ("opencv", "auto"):
            ours = found[engine]
            whole = _median(ours, _without_s3)
            forward = _median(ours, lambda row: row["forward"])
            rest = _median(ours, _not_forward)
            rows.append(
                [
                    *(network, engine),
                    *(f"{seconds * 1000:.1f}" for seconds in (naive, whole)),
                    f"**{naive / whole:.1f}**",
                    f"{forward * 1000:.1f}",
                    f"**{rest / forward:.0%}**",
                ]
            )
    return Table(
        "A warm invocation",
        f"A JPEG of 768 x 576 pixels, medians of {_WARM_TURNS * _WARM} events in milliseconds, in "
        f"{_WARM_TURNS} processes each, by turns; time in S3's calls taken out on both sides. "
        "Bars: naive / ours at least 4.5 (yolov4-tiny) and 3 (yolo-fastest-1.1); what is not the "
        "forward pass at most 20 % and 120 % of it. The default engine is OpenCV; ENGINE=auto is "
        "ONNX Runtime here.",
        [
            *("network", "engine", "naive", "ours", "naive / ours"),
            *("of ours, forward", "the rest / forward"),
        ],
        rows,
    )


def _calls() -> Table:
    with _function("yolo-fastest-1.1") as stage:
        rows = [_invocations(stage, side)[-1] for side in (_NAIVE, _OURS)]
    return Table(
        "S3's calls of a warm image",
        "Bar: one HEAD, one GET, two PUTs.",
        ["function", "calls"],
        [
            [
                side.name,
                ", ".join(
                    f"{count} {name}" for name, count in collections.Counter(row["calls"]).items()
                ),
            ]
            for side, row in zip((_NAIVE, _OURS), rows, strict=True)
        ],
    )


def _large_jpeg() -> Table:
    small = cv2.imread(str(_ROOT / "demo" / "street.jpg"))
    data = encode_image(cv2.resize(small, (6000, 4000), interpolation=cv2.INTER_CUBIC), "jpeg")
    settings = Settings()
    model = load_model(LocalFolder(_model("yolo-fastest-1.1")), settings)

    def once() -> None:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        cv2.imencode(".jpg", pixels, (cv2.IMWRITE_JPEG_QUALITY, 92))

    def ours() -> None:
        timings = Timings()
        draw(process(data, model, settings, timings), model, timings)

    baseline, whole = _alternate(once, ours, 7)
    return Table(
        "A JPEG of 24 megapixels",
        "6,000 x 4,000 pixels, yolo-fastest-1.1, from bytes to bytes, against OpenCV's decoding "
        "and encoding it once, at the same quality. Bar: 1.3.",
        ["decode and encode, ms", "ours, ms", "ours / decode and encode"],
        [[f"{baseline * 1000:.0f}", f"{whole * 1000:.0f}", f"**{whole / baseline:.2f}**"]],
    )


def _cold() -> Table:
    rows = []
    for network, distance in (
        ("yolo-fastest-1.1-xl", 0),
        ("yolo-fastest-1.1-xl", _DISTANCE),
        ("yolov3", 0),
    ):
        with _function(network, distance) as stage:
            starts: dict[str, list[_Start]] = {"naive": [], "ours": []}
            for _ in range(_COLD):
                for side in (_NAIVE, _OURS):
                    starts[side.name].append(_cold_start(stage, side))
        naive, ours = (_median_start(starts[name]) for name in ("naive", "ours"))
        for name, start in (("naive", naive), ("ours", ours)):
            share = start.peak / naive.peak
            rows.append(
                [
                    network,
                    f"{distance * 1000:.0f} ms" if distance else "here",
                    name,
                    f"{start.ready * 1000:,.0f}",
                    f"{start.model * 1000:,.0f}",
                    f"{start.image * 1000:,.0f}",
                    f"{start.seconds * 1000:,.0f}",
                    f"**{start.seconds / naive.seconds:.2f}**" if name == "ours" else "1",
                    f"{start.peak / 1e6:,.0f}",
                    f"**{share:.2f}**" if name == "ours" else "1",
                ]
            )
    return Table(
        "Cold start, and the most memory",
        "From a new process under Lambda's runtime client to its answer, in milliseconds, medians "
        f"of {_COLD}, by turns; the most memory in MB. S3 is another process here, or so many "
        "milliseconds away, each way, as a network has it. Ready: the interpreter and the "
        "imports, to the first question for an event. Model: what its fetching, importing and "
        "loading take after that; naive does it within the image. Bars: 0.6 and 0.4 of naive's "
        "time; for yolov3 0.4 of its memory, and under 700 MB.",
        [
            *("network", "S3", "function", "ready", "model", "image", "in all", "of naive"),
            *("MB", "of naive's"),
        ],
        rows,
    )


def _imports() -> Table:
    with _function("yolo-fastest-1.1-xl") as stage:
        # nothing is sent for meanwhile: Python takes other threads' time for imports'
        apart = replace(stage, environment={**stage.environment, "MODEL": "models/none/"})
        sides = {side.name: _import_seconds(apart, side) for side in (_NAIVE, _OURS)}
    rows = [
        [group, *(f"{side[group] * 1000:.0f}" for side in sides.values())]
        for group in [*_IMPORTS, _REST]
    ]
    whole = [f"{sum(side.values()) * 1000:.0f}" for side in sides.values()]
    return Table(
        "What a cold start imports",
        "Milliseconds, as `python -X importtime` has them of the function's module, the best of "
        "five; measuring takes some itself. The S3 client is made while the function's own module "
        "is imported, and counts there.",
        ["packages", *sides],
        [*rows, ["in all", *whole]],
    )


_REST = "Python's own"
_IMPORTS = {
    "NumPy": ("numpy",),
    "OpenCV": ("cv2",),
    "the AWS SDK": ("boto3", "botocore", "s3transfer", "urllib3", "dateutil", "jmespath", "six"),
    "Powertools": ("aws_lambda_powertools",),
    "the function and the S3 client": ("lambda_function", "modules", "naive_function"),
}


def _import_seconds(stage: _Stage, side: Side) -> dict[str, float]:
    """Seconds in each group of packages, of the quickest of some imports."""
    found = []
    for _ in range(_IMPORTS_OF_EACH):
        run = subprocess.run(
            [side.python, "-X", "importtime", "-c", f"import {side.handler.stem}"],
            cwd=side.handler.parent,
            env=stage.environment,
            stderr=subprocess.PIPE,
            text=True,
            check=True,
        )
        seconds = dict.fromkeys([*_IMPORTS, _REST], 0.0)
        for itself, name in re.findall(r"import time: +(\d+) \| +\d+ \| +(\S+)", run.stderr):
            package = name.partition(".")[0]
            group = next((key for key, names in _IMPORTS.items() if package in names), _REST)
            seconds[group] += int(itself) / 1e6
        found.append(seconds)
    return min(found, key=lambda seconds: sum(seconds.values()))


def _engines() -> Table:
    rows = []
    for network in _NETWORKS:
        folder, onnx = _model(network), _onnx(network)
        for threads in (1, 2):
            runs: dict[str, tuple[str | Path, str, Path]] = {
                "ours, OpenCV": (sys.executable, "ours-opencv", folder),
                "ONNX Runtime": (sys.executable, "onnxruntime", onnx),
                "ours, ENGINE=onnxruntime": (sys.executable, "ours-onnxruntime", folder),
                "OpenVINO": (_BASELINES, "openvino", onnx),
                "OpenCV 4.14": (_BASELINES, "opencv4", folder),
            }
            found = collections.defaultdict[str, list[float]](list)
            for _ in range(_TURNS):
                for name, (python, engine, path) in runs.items():
                    found[name].append(_forward(python, engine, threads, path))
            times = {name: min(several) for name, several in found.items()}
            ours, auto = times.pop("ours, OpenCV"), times.pop("ours, ENGINE=onnxruntime")
            best = min(times.values())
            rows.append(
                [
                    network,
                    str(threads),
                    f"{ours:.1f}",
                    *(f"{times[name]:.1f}" for name in ("ONNX Runtime", "OpenVINO", "OpenCV 4.14")),
                    f"**{ours / best:.2f}**",
                    f"{auto:.1f}",
                    f"**{auto / best:.2f}**",
                    f"**{auto / times['ONNX Runtime']:.2f}**",
                ]
            )
    return Table(
        "Engines, forward passes alone",
        "Milliseconds, medians of at least 10 passes and 1.2 seconds, in processes that take "
        f"turns, the best of {_TURNS}. Bars: the default (OpenCV) at most 1.25 of the best of the "
        "others, or else ENGINE=auto; ENGINE=onnxruntime at most 1.05 of a bare session.",
        [
            "network",
            "threads",
            "ours, OpenCV",
            "ONNX Runtime",
            "OpenVINO",
            "OpenCV 4.14",
            "ours / best",
            "ours, ENGINE=onnxruntime",
            "of best",
            "of a bare session",
        ],
        rows,
    )


def _parse() -> Table:
    folder = _model("yolov3")
    cfg = (folder / "yolov3.cfg").read_text()
    path = folder / "yolov3.weights"

    def read() -> None:
        with path.open("rb", buffering=0) as stream:
            data = memoryview(bytearray(path.stat().st_size))
            done = 0
            while count := stream.readinto(data[done:]):
                done += count

    def parse() -> None:
        with path.open("rb", buffering=0) as stream:
            import_darknet(cfg, stream, apart=True)

    baseline, ours = _alternate(read, parse, 7)
    return Table(
        "Importing yolov3's weights",
        "248 MB from a file in the page cache, before the engine sees them, against reading the "
        "same bytes into memory. Bar: 2.",
        ["read, ms", "import, ms", "import / read"],
        [[f"{baseline * 1000:.0f}", f"{ours * 1000:.0f}", f"**{ours / baseline:.2f}**"]],
    )


def _prices() -> Table:
    rows = []
    for network in _NETWORKS:
        with _function(network) as stage:
            peak = max(row["peak"] for row in _invocations(stage, _OURS, events=1)) / 1e6
            found = {
                memory: (price(memory, billed), billed)
                for memory in MEMORIES
                if memory > peak * _HEADROOM
                for billed in [S3_SECONDS + _billed(stage, memory)]
            }
        best = min(found, key=lambda memory: found[memory][0])
        rows.append(
            [
                network,
                f"{peak:,.0f}",
                *(
                    f"{found[memory][1] * 1000:,.0f} ms, ${found[memory][0]:,.2f}"
                    if memory in found
                    else ""
                    for memory in MEMORIES
                ),
                f"**{best:,}**",
            ]
        )
    return Table(
        "Dollars for a million images",
        "By memory in MB: what an image is billed, and dollars for a million. Measured with the "
        "share of the cores that Lambda gives for the memory (one for 1,769 MB), as medians of "
        f"warm invocations of one image each on the local S3, and {S3_SECONDS * 1000:.0f} ms more "
        "for one that is further away, which is an assumption. Lambda x86-64 $0.0000166667 a "
        "GB-second and $0.20 a million requests; S3 two PUTs at $0.005 and two reads at $0.0004 a "
        "thousand: list prices of us-east-1, to be checked. Memory settings begin at "
        f"{_HEADROOM} times the peak. Rekognition's DetectLabels lists at $1,000.",
        ["network", "peak, MB", *(f"{memory:,}" for memory in MEMORIES), "cheapest"],
        rows,
    )


def _threads() -> Table:
    rows = []
    for network in ("yolo-fastest-1.1", "yolov4-tiny"):
        with _function(network) as stage:
            for engine in ("opencv", "onnxruntime"):
                for memory in MEMORIES:
                    one, two = (
                        _median(_within(stage, memory, threads, engine), _without_s3)
                        for threads in (1, 2)
                    )
                    ours = math.ceil(memory / CORE_MB)
                    ratio = (two / one) ** (1 if ours == 1 else -1)
                    rows.append(
                        [
                            *(network, engine, f"{memory:,}"),
                            *(f"{seconds * 1000:.0f}" for seconds in (one, two)),
                            f"{ours}",
                            f"**{ratio:.2f}**",
                        ]
                    )
    return Table(
        "Threads, by the share of the cores that memory buys",
        "Warm invocations without S3, in milliseconds, with one thread and with two; the function "
        "chooses one where it has up to one core, and two above. Lambda shows two cores whatever "
        "the share. The last column is the other choice's time over ours.",
        [
            *("network", "engine", "MB", "one thread", "two threads", "ours", "the other / ours"),
        ],
        rows,
    )


def _several() -> Table:
    rows = []
    with _function("yolo-fastest-1.1-xl", _DISTANCE) as stage:
        for cores in (1, 2):
            found = []
            for images in (1, _SEVERAL):
                with CpuShare(cores) as share:
                    runs = _invocations(
                        stage,
                        _OURS,
                        share=share,
                        events=_SEVERAL if images == 1 else 2,
                        images=images,
                        AWS_LAMBDA_FUNCTION_MEMORY_SIZE=f"{cores * CORE_MB}",
                    )
                found.append(_median(runs, lambda row: float(row["total"])) / images)
            alone, together = found
            rows.append(
                [
                    f"{cores}",
                    *(f"{seconds * 1000:.0f}" for seconds in found),
                    f"**{together / alone:.2f}**",
                ]
            )
    return Table(
        f"{_SEVERAL} images in one event",
        "Milliseconds an image, S3's calls included, with S3 "
        f"{_DISTANCE * 1000:.0f} ms away from the function, each way; yolo-fastest-1.1-xl, warm.",
        ["cores", "an event for each", "one event", "one / each"],
        rows,
    )


def _billed(stage: _Stage, memory: int) -> float:
    """Seconds that a warm invocation takes at so much memory."""
    threads = math.ceil(memory / CORE_MB)
    return _median(_within(stage, memory, threads, "opencv"), lambda row: float(row["total"]))


def _within(stage: _Stage, memory: int, threads: int, engine: str) -> list[dict[str, Any]]:
    """Invocations with the share of the cores that so much memory buys, and so many threads."""
    variables: dict[str, Any] = {
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": f"{threads * CORE_MB}",
        "ENGINE": engine,
    }
    with CpuShare(memory / CORE_MB) as share:
        return _invocations(stage, _OURS, share=share, events=_SHARED_OUT, **variables)


@dataclass(frozen=True)
class _Stage:
    """A bucket with a model and a picture, and the variables that a function finds them by."""

    client: Any
    environment: dict[str, str]


@contextlib.contextmanager
def _function(network: str, distance: float = 0) -> Iterator[_Stage]:
    """A stage whose S3 is so many seconds away from the function, one way."""
    with LocalServer() as server, contextlib.ExitStack() as stack:
        client = server.client("s3")
        client.create_bucket(Bucket=_BUCKET)
        folder = _model(network)
        for path in folder.iterdir():
            client.upload_file(str(path), _BUCKET, f"models/{network}/{path.name}")
        picture = cv2.resize(cv2.imread(str(_ROOT / "demo" / "street.jpg")), (768, 576))
        body = encode_image(picture, "jpeg")
        for index in range(_PICTURES):
            client.put_object(Bucket=_BUCKET, Key=f"input/{index}.jpg", Body=body)
        environment = {
            "MODEL": f"s3://{_BUCKET}/models/{network}/",
            "MODEL_PREFIX": f"models/{network}/",
            "NETWORK": network,
            "SIZE": str(parse_cfg((folder / f"{network}.cfg").read_text())[0].integer("width")),
        }
        if distance:
            port = int(server.endpoint.rpartition(":")[2])
            far = stack.enter_context(Distance(port, distance))
            environment["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{far.port}"
        yield _Stage(client, {**os.environ, **server.environment, **environment})


def _event(*indices: int) -> dict[str, Any]:
    records = [
        {
            "eventSource": "aws:s3",
            "eventName": "ObjectCreated:Put",
            "s3": {
                "bucket": {"name": _BUCKET},
                "object": {"key": f"input/{index}.jpg", "sequencer": f"{time.time_ns():X}"},
            },
        }
        for index in indices
    ]
    return {"Records": records}


def _invocations(
    stage: _Stage,
    side: Side,
    *,
    share: CpuShare | None = None,
    events: int = _WARM,
    images: int = 1,
    **variables: str,
) -> list[dict[str, Any]]:
    """A row an event, each of so many images."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "events.json")
        numbers = itertools.count()
        path.write_text(
            json.dumps(
                [_event(*itertools.islice(numbers, images)) for _ in range(events + WARM_UP)]
            )
        )
        command = [str(side.python), str(_HERE / "invocations.py"), str(side.handler), str(path)]
        run = subprocess.run(
            share.command(command) if share else command,
            env={**stage.environment, **variables, "TMP_FOLDER": folder},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=True,
        )
    _tidy(stage)
    rows: list[dict[str, Any]] = json.loads(run.stdout.splitlines()[-1])
    return rows


@dataclass(frozen=True)
class _Start:
    """A cold start: seconds to each point, and the most memory, in bytes."""

    ready: float
    model: float
    image: float
    seconds: float
    peak: float


def _median_start(starts: list[_Start]) -> _Start:
    """Medians of each number alone, so that the stages need not add up to the whole."""
    names = [field.name for field in fields(_Start)]
    return _Start(*(statistics.median(getattr(start, name) for start in starts) for name in names))


def _cold_start(stage: _Stage, side: Side) -> _Start:
    with tempfile.TemporaryDirectory() as folder:  # as /tmp: a new container's is empty
        return _start(stage, side, folder)


def _start(stage: _Stage, side: Side, folder: str) -> _Start:
    api = RuntimeApi()
    invocation = Invocation(str(uuid.uuid4()), json.dumps(_event(0)).encode(), 0, "arn:aws:lambda")
    invocation.deadline_ms = int((time.time() + 120) * 1000)
    environment = {
        **stage.environment,
        "AWS_LAMBDA_RUNTIME_API": api.address,
        "AWS_LAMBDA_FUNCTION_NAME": side.name,
        "PYTHONPATH": str(side.handler.parent),
        "TMP_FOLDER": folder,
    }
    api.invoke(invocation)
    start = time.perf_counter()
    process = subprocess.Popen(
        [side.python, "-m", "awslambdaric", f"{side.handler.stem}.lambda_handler"],
        cwd=side.handler.parent,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        api.ready.wait()
        ready = time.perf_counter() - start
        if not invocation.answered.wait(120) or invocation.error:
            raise RuntimeError(f"{side.name}: {invocation.error!r}")
        seconds = time.perf_counter() - start
        status = Path(f"/proc/{process.pid}/status").read_text()
    finally:
        process.kill()
        process.wait()
        api.close()
    peak = int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) * 1024
    image = seconds - ready
    if side is _OURS:
        body = stage.client.get_object(Bucket=_BUCKET, Key="output/0.jpg.json")["Body"].read()
        image = sum(json.loads(body)["timings_ms"].values()) / 1000
    _tidy(stage)
    return _Start(ready, seconds - ready - image, image, seconds, peak)


def _tidy(stage: _Stage) -> None:
    """Deletes results."""
    listing = stage.client.list_objects_v2(Bucket=_BUCKET, Prefix="output/")
    for item in listing.get("Contents", ()):
        stage.client.delete_object(Bucket=_BUCKET, Key=item["Key"])


def _without_s3(row: dict[str, Any]) -> float:
    return float(row["total"] - row["s3"])


def _not_forward(row: dict[str, Any]) -> float:
    return _without_s3(row) - float(row["forward"])


def _median(rows: list[dict[str, Any]], value: Callable[[dict[str, Any]], float]) -> float:
    return statistics.median(map(value, rows))


def _alternate(
    one: Callable[[], None], other: Callable[[], None], times: int
) -> tuple[float, float]:
    """Medians, in seconds, of two things done in turn."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for number in range(times + 1):
        for what, found in zip((one, other), seconds, strict=True):
            start = time.perf_counter()
            what()
            if number:  # the first warms up
                found.append(time.perf_counter() - start)
    return statistics.median(seconds[0]), statistics.median(seconds[1])


def _forward(python: str | Path, engine: str, threads: int, network: Path) -> float:
    command = [python, _HERE / "forward.py", engine, threads, network]
    run = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, check=True)
    return float(run.stdout)


def _model(network: str) -> Path:
    """The network's folder: the shared one, or one with random weights."""
    shared = _SHARED / "models" / network
    if shared.is_dir():
        return shared.resolve()
    folder = _CACHE / "models" / network
    if not folder.is_dir():
        cfg = (_SHARED / "cfg" / f"{network}.cfg").read_text()
        folder.mkdir(parents=True)
        (folder / f"{network}.cfg").write_text(cfg)
        (folder / f"{network}.weights").write_bytes(random_weights(cfg, objectness=_NO_BOX))
        (names,) = (_SHARED / "models" / "yolo-fastest-1.1").glob("*.names")
        (folder / "coco.names").write_bytes(names.read_bytes())
    return folder.resolve()


def _onnx(network: str) -> Path:
    """The same network as an ONNX file, as `models convert` writes it."""
    path = _CACHE / "models" / f"{network}.onnx"
    if not path.exists():
        command = [sys.executable, "-m", "modules", "models", "convert", _model(network), path]
        subprocess.run(list(map(str, command)), cwd=_ROOT, check=True)
    return path


_MEASURES: dict[str, Callable[[], Table]] = {
    "warm": _warm,
    "calls": _calls,
    "several": _several,
    "large-jpeg": _large_jpeg,
    "cold": _cold,
    "imports": _imports,
    "engines": _engines,
    "parse": _parse,
    "threads": _threads,
    "prices": _prices,
}

if __name__ == "__main__":
    sys.exit(main())
