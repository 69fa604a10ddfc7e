"""Prints the median time of a network's forward pass in one engine, in milliseconds.

    PYTHON benchmarks/forward.py ENGINE THREADS NETWORK

With one thread, it is the processor time, which depends little on what else the machine does.
ENGINE and NETWORK are one of these:

    ours-opencv, ours-onnxruntime   this project's engines, with a model folder
    onnxruntime, openvino           the package alone, with an ONNX file
    opencv4                         OpenCV 4.14, loaded once, with a model folder
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

_WARM_UP, _LEAST, _SECONDS = 3, 10, 1.2

Forward = Callable[[np.ndarray], Any]


def main() -> None:
    """Loads the network, warms it up, and measures."""
    engine, threads, network = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    forward, (width, height) = _ENGINES[engine](network, threads)
    blob = np.random.default_rng(0).uniform(size=(1, 3, height, width)).astype(np.float32)
    for _ in range(_WARM_UP):
        forward(blob)
    clock = time.process_time if threads == 1 else time.perf_counter
    times: list[float] = []
    end = time.perf_counter() + _SECONDS
    while len(times) < _LEAST or time.perf_counter() < end:
        start = clock()
        forward(blob)
        times.append((clock() - start) * 1000)
    os.write(1, str(statistics.median(times)).encode())


def _ours(name: str) -> Callable[[Path, int], tuple[Forward, tuple[int, int]]]:
    def load(network: Path, threads: int) -> tuple[Forward, tuple[int, int]]:
        import cv2

        from modules.models.folder import LocalFolder
        from modules.models.loader import load_model
        from modules.settings import Settings

        cv2.setNumThreads(threads)
        detector = load_model(LocalFolder(network), Settings(engine=name)).detector
        return detector._engine.forward, detector.input_size

    return load


def _onnxruntime(network: Path, threads: int) -> tuple[Forward, tuple[int, int]]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    image = session.get_inputs()[0]
    return lambda blob: session.run(None, {image.name: blob}), (image.shape[3], image.shape[2])


def _openvino(network: Path, threads: int) -> tuple[Forward, tuple[int, int]]:
    import openvino

    core = openvino.Core()
    settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
    compiled = core.compile_model(core.read_model(network), "CPU", settings)
    _, _, height, width = compiled.input(0).shape
    request = compiled.create_infer_request()
    return lambda blob: request.infer([blob]), (width, height)


def _opencv4(network: Path, threads: int) -> tuple[Forward, tuple[int, int]]:
    import cv2

    from benchmarks.opencv4_reference import load

    cv2.setNumThreads(threads)
    net, size = load(network, 0.5)
    names = net.getUnconnectedOutLayersNames()

    def forward(blob: np.ndarray) -> Any:
        net.setInput(blob)
        return net.forward(names)

    return forward, size


_ENGINES: dict[str, Callable[[Path, int], tuple[Forward, tuple[int, int]]]] = {
    "ours-opencv": _ours("opencv"),
    "ours-onnxruntime": _ours("onnxruntime"),
    "onnxruntime": _onnxruntime,
    "openvino": _openvino,
    "opencv4": _opencv4,
}

if __name__ == "__main__":
    main()
