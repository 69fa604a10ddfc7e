"""Measures a model's memory, time to load and time for an image; start at `measure`.

The model runs in a subprocess, so that only memory which a function would use is counted.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

_ROOT = Path(__file__).parent.parent.parent.parent
_IMAGES = 5


@dataclass(frozen=True)
class Footprint:
    """The memory and the times of one model with one engine.

    engine: the engine's name. peak_bytes: the most memory that the process had. bare_bytes: the
    most that it had before the model was read. load_ms: to read and load the model. first_ms,
    image_ms: for the first image of noise, and the median of five more.
    """

    engine: str
    bare_bytes: int
    peak_bytes: int
    load_ms: float
    first_ms: float
    image_ms: float


def measure(folder: Path, engine: str) -> Footprint | str:
    """Loads a model folder and runs the model, in a subprocess.

    Returns the footprint, or a text with the reason if the subprocess failed.
    """
    run = subprocess.run(  # noqa: S603 - runs this Python with this module
        [sys.executable, "-m", __name__, str(folder.resolve()), engine],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        lines = run.stderr.strip().splitlines()
        return lines[-1] if lines else f"the process ended with {run.returncode}"
    return Footprint(**json.loads(run.stdout))


def _peak_bytes() -> int:
    """Returns the most memory that this process has had so far."""
    status = Path("/proc/self/status")
    if status.exists():  # on Linux, getrusage would include the parent's memory
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        if found:
            return int(found[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes, on macOS


def _main(folder: Path, engine: str) -> None:
    import numpy as np

    from ...models.folder import LocalFolder
    from ...models.loader import load_model
    from ...settings import Settings

    settings = Settings(engine=engine)
    bare, times = _peak_bytes(), [time.perf_counter()]
    detector = load_model(LocalFolder(folder), settings).detector
    times.append(time.perf_counter())
    width, height = detector.input_size
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    for _ in range(1 + _IMAGES):
        detector.detect(noise)
        times.append(time.perf_counter())
    load, first, *others = np.diff(times) * 1000
    footprint = Footprint(
        settings.engine, bare, _peak_bytes(), load, first, float(np.median(others))
    )
    print(json.dumps(asdict(footprint)))


if __name__ == "__main__":
    _main(Path(sys.argv[1]), sys.argv[2])
