"""Uses built layers as the function does, in a Python without other packages; see `main`.

python3.13 -B -I -S layers/prove.py layers/build/opencv-slim-x86_64/python [ANOTHER/python]
"""

from __future__ import annotations

import io
import os
import struct
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ROOT = Path(__file__).resolve().parent.parent
_SAMPLES = Path(__file__).resolve().parent / "samples"
_PILLOWS_NAMES = {"netpbm": "PPM"}
_LOSSY = {"avif", "gif", "heif", "jpeg", "webp"}
_CFG = """
[net]
width=64
height=64
channels=3
[convolutional]
batch_normalize=1
filters=16
size=3
stride=2
pad=1
activation=leaky
[convolutional]
filters=18
size=1
stride=1
activation=linear
[yolo]
mask=0,1,2
anchors=8,8, 16,16, 32,32
classes=1
num=3
"""


def import_all() -> None:
    """Imports what the function imports."""
    import modules.results.pipeline
    from modules.telemetry.logs import logger

    logger.info("imported", pipeline=modules.results.pipeline.__name__)


def import_only_what_jpeg_needs() -> None:
    """Reads and writes a JPEG. This must import neither Pillow nor pi-heif."""
    from modules.object_detection.images import decode_image, encode_image

    image = _picture()
    encode_image(decode_image(encode_image(image, "jpeg"), max_pixels=image.size).pixels, "jpeg")
    if slow := {"PIL", "pi_heif"} & sys.modules.keys():
        raise AssertionError(
            f"a JPEG imports {', '.join(sorted(slow))}: cold starts would be slower"
        )


def use_formats() -> None:
    """Reads every picture format that the function accepts."""
    import numpy as np

    from modules.object_detection.images import FORMATS, decode_image, encode_image

    image = _picture()
    for name, format_ in FORMATS.items():
        data = _sample(name) if format_.annotated_suffix else encode_image(image, name)
        decoded = decode_image(data, max_pixels=image.size)
        error = float(np.abs(decoded.pixels.astype(int) - image).mean())
        if decoded.format != name or error > (4 if name in _LOSSY else 0):
            raise AssertionError(
                f"{name} came back as {decoded.format}, with a mean error of {error:.2f} levels"
            )


def convert_colours() -> None:
    """Converts red to green by a profile of sRGB in which the two have each other's place."""
    import numpy as np
    from PIL import ImageCms

    from modules.object_detection.images.colour_profile import convert_to_srgb

    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = srgb.replace(b"rXYZ", b"?XYZ").replace(b"gXYZ", b"rXYZ").replace(b"?XYZ", b"gXYZ")
    red = np.full((4, 4, 3), (0, 0, 255), np.uint8)
    if np.abs(convert_to_srgb(red, swapped).astype(int) - (0, 255, 0)).max() > 2:
        raise AssertionError(f"red became {red[0, 0].tolist()}, not green")


def draw_text() -> None:
    """Draws letters of several scripts. OpenCV draws a question mark for letters no font has."""
    import cv2
    import numpy as np

    def drawn(text: str) -> NDArray[np.uint8]:
        canvas = np.zeros((60, 60, 3), np.uint8)
        cv2.putText(canvas, text, (5, 45), (255, 255, 255), cv2.FontFace("sans"), 36, 600)
        return canvas

    for letter in "aéжλ狗犬ね":
        if not drawn(letter).any() or np.array_equal(drawn(letter), drawn("?")):
            raise AssertionError(f"no font has the letter {letter}")


def detect() -> None:
    """Imports a Darknet network and runs it on every installed engine."""
    import numpy as np

    from modules.object_detection.darknet import import_darknet
    from modules.object_detection.engines.registry import create_engine

    # The first layer has biases, scales, means, variances, kernels; the second biases and kernels
    count = 4 * 16 + 16 * 27 + 18 + 18 * 16
    weights = np.sin(np.arange(count, dtype="<f4")) ** 2
    stream = struct.pack("<iiiq", 0, 2, 5, 0) + weights.tobytes()
    network = import_darknet(_CFG, io.BytesIO(stream))
    blob = np.linspace(0, 1, 3 * 64 * 64, dtype=np.float32).reshape(1, 3, 64, 64)
    engines = ["opencv", "onnxruntime"] if find_spec("onnxruntime") else ["opencv"]
    results = [create_engine(name, network.onnx, network.outputs).forward(blob) for name in engines]
    for result in results:
        if not np.ptp(result[0]) or not np.allclose(result[0], results[0][0], atol=1e-3):
            raise AssertionError(f"the outputs of {engines} differ, or are constant")


def ask_s3() -> None:
    """Sends a request to an S3 that does not answer."""
    from modules.storage.errors import S3Error
    from modules.storage.function_client import FunctionClient

    os.environ.update(
        AWS_ENDPOINT_URL="http://127.0.0.1:9",
        AWS_REGION="us-east-1",
        AWS_ACCESS_KEY_ID="key",
        AWS_SECRET_ACCESS_KEY="secret",  # noqa: S106 - of nobody
    )
    try:
        FunctionClient().send("HeadObject", {"Bucket": "bucket", "Key": "key"})
    except S3Error as error:
        if not error.code:
            return
    raise AssertionError("there was an answer, or none was asked for")


def _sample(name: str) -> bytes:
    """Returns `_picture()` in a format that the function only reads.

    Pillow writes it, except HEIC, which no permissively licensed library writes: that file is by
    pillow-heif.
    """
    from PIL import Image

    if (path := _SAMPLES / f"smooth.{name}").exists():
        return path.read_bytes()
    out = io.BytesIO()
    Image.fromarray(_picture()[..., ::-1].copy()).save(out, _PILLOWS_NAMES.get(name, name))
    return out.getvalue()


def _picture() -> NDArray[np.uint8]:
    """Returns a smooth `(96, 128, 3)` uint8 BGR image."""
    import numpy as np

    y, x = np.mgrid[0:96, 0:128]
    return np.stack([x, y, x + y], axis=2).astype(np.uint8)


def _foreign_modules(homes: Sequence[Path]) -> list[str]:
    """Lists imported modules that come from none of `homes` and not from the standard library."""
    standard = Path(struct.__file__).parent
    return [
        f"{name} ({path})"
        for name, module in sys.modules.items()
        if (path := getattr(module, "__file__", None))
        and path != __file__
        and not any(Path(path).is_relative_to(home) for home in homes)
        and (not Path(path).is_relative_to(standard) or "site-packages" in Path(path).parts)
    ]


def main(trees: Sequence[Path]) -> None:
    """Checks that the layers alone suffice for the function; prints each step's duration.

    Args:
        trees: the layers' python/ folders.
    """
    homes = [tree.resolve() for tree in trees]
    sys.path[:0] = map(str, [*homes, _ROOT])
    for step in (
        import_all,
        import_only_what_jpeg_needs,
        use_formats,
        convert_colours,
        draw_text,
        detect,
        ask_s3,
    ):
        start = time.perf_counter()
        step()
        print(f"{step.__name__:28}{(time.perf_counter() - start) * 1000:7.0f} ms")
    if foreign := _foreign_modules([*homes, _ROOT / "modules"]):
        raise AssertionError(f"not from the layers: {', '.join(foreign)}")


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
