"""Measures forward passes in each engine, and the import of the weights."""

from __future__ import annotations

import collections
import subprocess
import sys
from pathlib import Path

from modules.object_detection.darknet import import_darknet

from .stage import BASELINES, NETWORKS, model_folder, onnx_file
from .table import Table
from .warm import alternate

_FORWARD = Path(__file__).parent.parent / "forward.py"
_ROUNDS = 4  # of all engines


def engines() -> Table:
    """Measures forward passes of each network, on one thread and on two."""
    rows = []
    for network in NETWORKS:
        folder, onnx = model_folder(network), onnx_file(network)
        for threads in (1, 2):
            runs: dict[str, tuple[str | Path, str, Path]] = {
                "ours, OpenCV": (sys.executable, "ours-opencv", folder),
                "ONNX Runtime": (sys.executable, "onnxruntime", onnx),
                "ours, ENGINE=onnxruntime": (sys.executable, "ours-onnxruntime", folder),
                "OpenVINO": (BASELINES, "openvino", onnx),
                "OpenCV 4.14": (BASELINES, "opencv4", folder),
            }
            found = collections.defaultdict[str, list[float]](list)
            for _ in range(_ROUNDS):
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
        "Milliseconds: the best of "
        f"{_ROUNDS} processes, which alternated; each gives the median of at least 10 passes and "
        "1.2 seconds. Bars: the default (OpenCV), or else ENGINE=auto, at most 1.25 of the best of "
        "the others; ENGINE=onnxruntime at most 1.05 of a bare session.",
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


def parse() -> Table:
    """Measures importing the weights of yolov3, relative to reading them."""
    folder = model_folder("yolov3")
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
            import_darknet(cfg, stream, external_weights=True)

    baseline, ours = alternate(read, parse, 7)
    return Table(
        "Importing yolov3's weights",
        "248 MB from a file in the page cache, before the engine gets them, relative to reading "
        "the same bytes into memory. Bar: 2.",
        ["read, ms", "import, ms", "import / read"],
        [[f"{baseline * 1000:.0f}", f"{ours * 1000:.0f}", f"**{ours / baseline:.2f}**"]],
    )


def _forward(python: str | Path, engine: str, threads: int, network: Path) -> float:
    command = [python, _FORWARD, engine, threads, network]
    run = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, check=True)
    return float(run.stdout)
