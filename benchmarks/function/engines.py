"""Measures forward passes in each engine, and the import of the weights."""

from __future__ import annotations

import collections
import os
import subprocess
import sys
from pathlib import Path

from modules.object_detection.darknet import import_darknet

from .stage import BASELINES, NETWORKS, model_folder, onnx_file
from .table import Table
from .warm import alternate

_FORWARD = Path(__file__).parent.parent / "forward.py"
_ROUNDS = 4  # of all engines
_NARROW = "OpenVINO, AVX2"
_OTHERS = ("ONNX Runtime", "OpenVINO", "OpenCV 4.14")


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
                _NARROW: (BASELINES, "openvino", onnx),
                "OpenCV 4.14": (BASELINES, "opencv4", folder),
            }
            found = collections.defaultdict[str, list[float]](list)
            for _ in range(_ROUNDS):
                for name, (python, engine, path) in runs.items():
                    widest = "AVX2" if name == _NARROW else None
                    found[name].append(_forward(python, engine, threads, path, widest))
            times = {name: min(several) for name, several in found.items()}
            ours, auto = times.pop("ours, OpenCV"), times.pop("ours, ENGINE=onnxruntime")
            best = min(times[name] for name in _OTHERS)
            narrow = min(times[_NARROW], times["OpenCV 4.14"])
            rows.append(
                [
                    network,
                    str(threads),
                    f"{ours:.1f}",
                    *(f"{times[name]:.1f}" for name in (*_OTHERS, _NARROW)),
                    f"**{ours / best:.2f}**",
                    f"{ours / narrow:.2f}",
                    f"{auto:.1f}",
                    f"**{auto / best:.2f}**",
                    f"**{auto / times['ONNX Runtime']:.2f}**",
                ]
            )
    return Table(
        "Engines, forward passes alone",
        "Milliseconds, on one thread of processor time: the best of "
        f"{_ROUNDS} processes, which alternated; each gives the median of at least 10 passes and "
        "1.2 seconds. Bars: the default (OpenCV) at most 1.25 of the best of the others; "
        "ENGINE=onnxruntime at most 1.05 of a bare session. OpenCV's convolutions use AVX2; ONNX "
        "Runtime and OpenVINO use AVX-512 where the processor has it. So one column has OpenVINO "
        "without AVX-512 (ONEDNN_MAX_CPU_ISA=AVX2), and another the ratio to the faster one of "
        "that and OpenCV 4.14. The reasons why a bar is missed are below.",
        [
            "network",
            "threads",
            "ours, OpenCV",
            "ONNX Runtime",
            "OpenVINO",
            "OpenCV 4.14",
            _NARROW,
            "ours / best",
            "of best with AVX2",
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


def _forward(
    python: str | Path, engine: str, threads: int, network: Path, widest: str | None
) -> float:
    """Returns milliseconds; widest: the instructions that OpenVINO may use, None for all."""
    command = [python, _FORWARD, engine, threads, network]
    limit = {"ONEDNN_MAX_CPU_ISA": widest} if widest else {}
    run = subprocess.run(
        list(map(str, command)), stdout=subprocess.PIPE, check=True, env={**os.environ, **limit}
    )
    return float(run.stdout)
