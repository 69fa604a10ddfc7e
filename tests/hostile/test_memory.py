"""Decoding a file never takes much more memory than its picture needs."""

import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

from modules.settings import Settings
from tests.hostile.builders import MEGABYTE, save, tiff
from tests.hostile.corpus import KINDS

ROOT = Path(__file__).parent.parent.parent
MAX_ADDED = 8 * MEGABYTE  # the largest picture of the corpus takes a fifth of a megabyte
# In addition to what the imports take; allocators reserve more than they use
ADDRESS_SPACE = 512 * MEGABYTE

_CHILD = """
import pathlib, re, resource, sys
from modules.errors import ImageError
from modules.object_detection.images import decode_image, encode_image

def memory(name):
    status = pathlib.Path("/proc/self/status").read_text()
    return int(re.search(rf"{name}:\\s+(\\d+) kB", status)[1]) * 1024

limit = memory("VmSize") + int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for path in sorted(pathlib.Path(sys.argv[3]).iterdir()):
    data = path.read_bytes()
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # resets the peak, VmHWM
    before = memory("VmHWM")
    try:
        image = decode_image(data, max_pixels=int(sys.argv[1]))
        encode_image(image.pixels, image.format)
    except ImageError:
        pass
    print(memory("VmHWM") - before, path.name)
"""


def measure_added_memory(folder: Path, max_pixels: int, address_space: int) -> dict[str, int]:
    """Returns the peak bytes that decoding and encoding add to a process, by file name.

    address_space: bytes that the process may allocate after its imports.
    """
    run = subprocess.run(
        [sys.executable, "-c", _CHILD, str(max_pixels), str(address_space), str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line.split(" ", 1) for line in run.stdout.splitlines()]
    return {name: int(added) for added, name in lines}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, which only Linux has")
def test_no_odd_file_takes_much_more_memory_than_its_picture(tmp_path: Path) -> None:
    for number, kind in enumerate(KINDS):
        (tmp_path / f"{number:03}").write_bytes(kind.data)

    added = measure_added_memory(tmp_path, Settings().max_image_pixels, ADDRESS_SPACE)

    assert len(added) == len(KINDS)
    heaviest = max(added, key=lambda name: added[name])
    assert added[heaviest] < MAX_ADDED, KINDS[int(heaviest)].name


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, which only Linux has")
def test_an_image_takes_at_most_the_documented_bytes_per_pixel(tmp_path: Path) -> None:
    height, width = 1000, 1000
    noise = np.random.default_rng(1).integers(0, 255, (height, width, 3)).astype(np.uint8)
    for name in ("JPEG", "PNG", "WEBP", "BMP", "TIFF"):
        (tmp_path / name).write_bytes(save(noise, name))
        # It is processed first, so that the code of the libraries is not counted as the image's
        (tmp_path / f"0 {name}").write_bytes(save(noise[:16, :16], name))
    (tmp_path / "progressive").write_bytes(save(noise, "JPEG", progressive=True, subsampling=0))
    deep = np.dstack([noise, noise[..., :1]]).astype("<u2")
    strip = zlib.compress(deep.tobytes(), 1)
    data = tiff(width, height, strip, samples=4, bits=16, compression=8)
    (tmp_path / "deep TIFF").write_bytes(data)

    added = measure_added_memory(tmp_path, height * width, ADDRESS_SPACE)

    for name in ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "progressive", "deep TIFF"):
        size = added[name]
        assert size <= (18 if name == "deep TIFF" else 13) * height * width, name
