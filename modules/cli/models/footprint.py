"""Measures what a model takes: memory, time to load, time for an image; start at `measure`.

In a process of its own, so that nothing else is counted: what a function would spend.
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
    """peak_bytes: the process's memory at its highest. bare_bytes: what it had before the model.

    load_ms: reading and loading. first_ms, image_ms: the first image of noise, and the median of
    five more. engine: what ran it.
    """

    engine: str
    bare_bytes: int
    peak_bytes: int
    load_ms: float
    first_ms: float
    image_ms: float


def measure(folder: Path, engine: str) -> Footprint | str:
    """Loads a model folder in another process, and runs it; a text says why that failed."""
    run = subprocess.run(  # noqa: S603 - this very module
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
    """This process's memory at its highest until now."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage counts the parent's, too, on Linux
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
