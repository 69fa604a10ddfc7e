"""Measures the zoo's networks with our core, and draws accuracy over milliseconds.

    make zoo
    .venv/bin/python benchmarks/zoo.py measure MODEL [MODEL ...]
    .venv/bin/python benchmarks/zoo.py draw

`measure` times models with both engines, alternately, and writes measured.json of the zoo: the
fastest of many runs of preprocessing and network on demo/street.jpg, with 2 threads. Other programs
can only make a run slower, so the fastest says most, and figures from earlier are kept where they
are faster; delete the file on another machine. A MODEL is a folder, or a Darknet cfg, which gets
random weights; zoo_networks.py makes folders of networks whose weights are out of reach.

`draw` writes docs/images/zoo.png from that file and the published accuracy in the catalogue.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "2")
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import cv2

from modules.cli.models.darknet_facts import darknet_facts
from modules.cli.models.onnx_facts import onnx_facts
from modules.errors import ModelError
from modules.models.folder import LocalFolder
from modules.models.loader import load_model, load_network
from modules.models.reader import ModelReader
from modules.models.zoo.catalogue import DETECTORS
from modules.object_detection.images import decode_image
from modules.settings import Settings
from tests.object_detection.darknet.random_models import random_weights

FIGURES = ROOT / "modules" / "models" / "zoo" / "measured.json"
PICTURE = ROOT / "docs" / "images" / "zoo.png"
_TICKS = (5, 10, 20, 50, 100, 200, 500, 1000)
_COLOURS = {
    "YOLOX": "#0b7285",
    "D-FINE": "#c2410c",
    "DEIMv2": "#7c3aed",
    "RF-DETR": "#15803d",
    "RT-DETRv2": "#b91c1c",
    "YOLOv3": "#6b7280",
    "YOLOv4": "#6b7280",
}
_ENGINES = ("opencv", "onnxruntime")
_ROUNDS, _SECONDS = 4, 0.5  # per network and engine: rounds of so many seconds


def main() -> None:
    """Runs one of the two actions."""
    parser = argparse.ArgumentParser(description="measures the zoo, and draws the figures")
    actions = parser.add_subparsers(dest="action", required=True)
    measuring = actions.add_parser("measure")
    measuring.add_argument("models", type=Path, nargs="+", metavar="MODEL")
    actions.add_parser("draw")
    arguments = parser.parse_args()
    if arguments.action == "measure":
        write_figures(arguments.models)
    else:
        draw()


def write_figures(paths: list[Path]) -> None:
    """Measures every model; those that are not measured keep their figures."""
    cv2.setNumThreads(2)
    figures: dict[str, Any] = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    for path in paths:
        with tempfile.TemporaryDirectory() as temporary:
            folder = path if path.is_dir() else with_random_weights(path, Path(temporary))
            counts = count(folder)
            name = path.stem if path.is_file() else path.name
            times = milliseconds(folder)
        for engine, earlier in figures.get(name, {}).get("milliseconds", {}).items():
            if earlier and (times[engine] or earlier) >= earlier:
                times[engine] = earlier
        figures[name] = found = {**counts, "milliseconds": times}
        print(path, json.dumps(found), flush=True)
        FIGURES.write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n")


def with_random_weights(cfg: Path, folder: Path) -> Path:
    """Makes a model folder of a Darknet cfg with 80 classes; returns the folder."""
    text = cfg.read_text(errors="replace")
    (folder / "network.cfg").write_text(text)
    (folder / "network.weights").write_bytes(random_weights(text))
    (folder / "coco.names").write_text("".join(f"class {index}\n" for index in range(80)))
    return folder


def count(folder: Path) -> dict[str, Any]:
    """Returns the parameters in millions, and GFLOPs: two operations for each product."""
    files = LocalFolder(folder)
    reader = ModelReader(files, files.files())
    network = load_network(reader, "onnxruntime")[0]
    if reader.find(".onnx"):
        facts = onnx_facts(network, "onnxruntime")
    else:
        facts = darknet_facts(reader.cfg(reader.only(".cfg")), network)
    products = facts.multiply_adds
    return {
        "parameters": round(facts.parameters / 1e6, 2),
        "gflops": None if products is None else round(2 * products / 1e9, 2),
    }


def milliseconds(folder: Path) -> dict[str, float | None]:
    """Returns the fastest run with each engine; None where an engine cannot run the network."""
    image = decode_image((ROOT / "demo" / "street.jpg").read_bytes(), max_pixels=10**8).pixels
    detectors = {}
    for engine in _ENGINES:
        try:
            detectors[engine] = load_model(LocalFolder(folder), Settings(engine=engine)).detector
            detectors[engine].raw_outputs(image)
        except ModelError as error:
            print(f"{folder.name} with {engine}: {error}", file=sys.stderr)
    fastest: dict[str, float | None] = dict.fromkeys(_ENGINES)
    for _ in range(_ROUNDS):
        for engine, detector in detectors.items():
            times = [fastest[engine] or float("inf")]
            end = time.perf_counter() + _SECONDS
            while time.perf_counter() < end:
                started = time.perf_counter()
                detector.raw_outputs(image)
                times.append((time.perf_counter() - started) * 1000)
            fastest[engine] = round(min(times), 1)
    return fastest


def draw() -> None:
    """Draws accuracy over milliseconds: every network with the engine that is faster."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 5), dpi=110, layout="constrained")
    points = [
        (
            min(filter(None, (model.milliseconds, model.milliseconds_onnxruntime))),
            model.map50_95,
            model,
        )
        for model in DETECTORS.values()
        if model.map50_95 and model.milliseconds
    ]
    for x, y, model in points:
        colour = _COLOURS.get(model.family, "#6b7280")
        is_left = any(x < other <= 1.2 * x and abs(y - height) < 1 for other, height, _ in points)
        axes.scatter(x, y, s=42, color=colour, zorder=3)
        axes.annotate(
            model.name if not model.terms else f"{model.name} ({model.licence})",
            (x, y),
            xytext=(-7 if is_left else 7, -3),
            textcoords="offset points",
            ha="right" if is_left else "left",
            fontsize=8,
            color=colour,
        )
    axes.set_xscale("log")
    axes.set_xticks(_TICKS, [str(each) for each in _TICKS])
    axes.minorticks_off()
    axes.set_xlabel("milliseconds per image: the faster engine, 2 threads, x86-64 (log scale)")
    axes.set_ylabel("COCO mAP@0.5:0.95 as published, percent")
    axes.set_title("Accuracy and time of the zoo's networks", fontsize=11)
    axes.grid(visible=True, color="#e5e7eb", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlim(3, 1400)
    axes.set_ylim(20, 52)
    figure.savefig(PICTURE, metadata={"Software": None})
    print(PICTURE)


if __name__ == "__main__":
    main()
