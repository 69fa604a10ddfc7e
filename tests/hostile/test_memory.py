"""Decoding a file never takes much more memory than its picture needs."""

import subprocess
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from modules.settings import Settings
from tests.colour_model import picture
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


# The pixels of the largest cameras in phones, and what the documentation promises for them
LARGEST = (12_000, 9_000)
BYTES_PER_PIXEL = 7
LAMBDA_MEMORY = 1_769_000_000  # the default of serverless.yml
# What an event of several images has in memory besides the pixels of one: four files of
# MAX_IMAGE_BYTES, and three annotated images that are being published
OTHERS = 4 * Settings().max_image_bytes + 3 * 32_000_000

_LARGE_CHILD = """
import pathlib, re, sys
from modules.models.folder import LocalFolder
from modules.models.loader import load_model
from modules.results.pipeline import draw, process
from modules.settings import Settings
from modules.telemetry.timings import Timings

def memory(name):
    status = pathlib.Path("/proc/self/status").read_text()
    return int(re.search(rf"{name}:\\s+(\\d+) kB", status)[1]) * 1024

settings = Settings()
model = load_model(LocalFolder(pathlib.Path(sys.argv[1])), settings)
small, large = (pathlib.Path(path).read_bytes() for path in sys.argv[2:])
draw(process(small, model, settings, Timings()), model, settings, Timings())
before = memory("VmRSS") - len(large)
result = process(large, model, settings, Timings())
size = (result.image.width, result.image.height)
draw(result, model, settings, Timings())
print(*size, len(result.detections), memory("VmHWM") - before, memory("VmHWM"))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, which only Linux has")
@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_the_largest_pictures_of_phones_fit_into_the_default_memory(
    suffix: str, colour_model: Path, tmp_path: Path
) -> None:
    """The JPEG has to be turned, which takes a second copy of its pixels."""
    small = picture(red=(2, 5))
    data = cv2.imencode(suffix, cv2.resize(small, LARGEST, interpolation=cv2.INTER_NEAREST))[1]
    size = LARGEST
    if suffix == ".jpg":
        exif = b"Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"
        segment = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
        data, size = data[:2].tobytes() + segment + data[2:].tobytes(), (LARGEST[1], LARGEST[0])
    (tmp_path / "large").write_bytes(data)
    (tmp_path / "small").write_bytes(cv2.imencode(suffix, small)[1])

    run = subprocess.run(
        [sys.executable, "-c", _LARGE_CHILD, colour_model, tmp_path / "small", tmp_path / "large"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    width, height, found, added, peak = map(int, run.stdout.split())
    assert ((width, height), found) == (size, 1)
    assert added <= BYTES_PER_PIXEL * width * height + len(data)
    most = BYTES_PER_PIXEL * (Settings().max_image_pixels - width * height)
    assert peak + most + OTHERS < LAMBDA_MEMORY
