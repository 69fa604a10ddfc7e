"""The code that is fuzzed, and the errors that it may raise; start at `TARGETS`."""

from __future__ import annotations

import functools
import io
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import PIL.Image

from modules.errors import (
    EventError,
    ImageError,
    ModelError,
    RequestError,
    TransientError,
    WeightsError,
)
from modules.events import Outcome, Verdict, is_http, read_event
from modules.events.http_request import read_request
from modules.object_detection.annotate import annotate
from modules.object_detection.darknet import import_darknet
from modules.object_detection.detections import Detections
from modules.object_detection.detector import Detector
from modules.object_detection.images import decode_image, encode_image
from modules.object_detection.images.registry import find_format
from modules.object_detection.onnx.importer import import_onnx
from tests import colour_model
from tests.fuzz.cfgs import CFGS
from tests.fuzz.mutation import BINARY, DOCUMENT, TEXT, Operation, damage, fix_png_checksums
from tests.hostile.builders import gradient, save
from tests.hostile.corpus import KINDS


@dataclass(frozen=True)
class Target:
    """Code that reads one kind of input.

    seeds: returns the valid inputs that are damaged. run: reads an input; it returns if there is a
    result, and raises one of `refusals` if it refuses the input; any other error is a bug.
    max_memory: bytes that one input may take.
    """

    seeds: Callable[[], Sequence[bytes]]
    operations: Sequence[Operation]
    run: Callable[[bytes], None]
    refusals: tuple[type[Exception], ...]
    max_memory: int

    def case(self, random: Random) -> bytes:
        """Returns a damaged input; the same for the same state of `random`."""
        return damage(random, self._seeds, self.operations)

    @functools.cached_property
    def _seeds(self) -> Sequence[bytes]:
        return self.seeds()


_EVENTS = Path(__file__).parent.parent / "events"
_MAX_PIXELS = 1_000_000
_HEADER = np.array([0, 2, 0, 0, 0], "<i4").tobytes()
_CALLS_FOR = re.compile(r"the cfg calls for ([\d,]+)")
_MAX_SIDE = 256  # of a network's input; a larger one is imported, but not run
_MAX_WEIGHTS = 4_000_000  # bytes; a network with more is not run


def _run_image(data: bytes) -> None:
    image = decode_image(data, max_pixels=_MAX_PIXELS)
    size = find_format(data).size(data)
    assert sorted((image.width, image.height)) == sorted(size)
    found = _colour_detector().detect(image.pixels, confidence=0.3)
    _check(found, image.width, image.height)
    encode_image(annotate(image.pixels, found, colour_model.LABELS), image.format)


@functools.cache
def _colour_detector() -> Detector:
    return Detector(import_darknet(colour_model.CFG, io.BytesIO(colour_model.weights())))


def _check(found: Detections, width: int, height: int) -> None:
    assert np.isfinite(found.boxes).all()
    assert np.isfinite(found.confidences).all()
    assert ((found.confidences >= 0) & (found.confidences <= 1)).all()
    assert (found.boxes >= 0).all()
    assert (found.boxes <= np.tile([width, height], 2)).all()


def _run_event(data: bytes) -> None:
    try:
        event = json.loads(data)
    except (ValueError, RecursionError):
        return  # Lambda passes only JSON to the function
    if is_http(event):
        assert isinstance(read_request(event).body, bytes)
        return
    invocation = read_event(event)
    outcomes: list[list[Outcome]] = []
    for request in invocation.requests:
        for ref in request.images:
            assert isinstance(ref.bucket, str)
            assert isinstance(ref.key, str)
            assert ref.sequencer is None or re.fullmatch("[0-9A-Fa-f]+", ref.sequencer)
        verdict = list(Verdict)[len(outcomes) % len(Verdict)]
        outcomes.append([Outcome(ref.key, verdict, "why") for ref in request.images])
    json.dumps(invocation.answer(outcomes))


def _run_cfg(data: bytes) -> None:
    cfg = data.decode("utf-8", "replace")
    size = _weights_size(cfg)
    if size > _MAX_WEIGHTS:
        return
    weights = _HEADER.ljust(size, b"\0")
    network = import_darknet(cfg, io.BytesIO(weights))
    if max(network.input_size) <= _MAX_SIDE:
        _check_detector(Detector(network))


def _weights_size(cfg: str) -> int:
    """Returns the size of the weights in bytes; the importer's error message has it."""
    try:
        import_darknet(cfg, io.BytesIO(_HEADER))
    except WeightsError as error:
        return int(_CALLS_FOR.findall(str(error))[0].replace(",", ""))
    return len(_HEADER)


def _run_weights(data: bytes) -> None:
    _check_detector(Detector(import_darknet(_WEIGHTS_CFG, io.BytesIO(data))))


def _run_onnx(data: bytes) -> None:
    """Uses ONNX Runtime, which checks a graph before it runs it; OpenCV 5.0.0 may crash."""
    network, engine = import_onnx(np.frombuffer(data, np.uint8), engine="onnxruntime")
    _check_detector(Detector(network, engine=engine))


def _check_detector(detector: Detector) -> None:
    picture = np.random.default_rng(1).integers(0, 255, (48, 64, 3)).astype(np.uint8)
    _check(detector.detect(picture, confidence=0.01), 64, 48)


_WEIGHTS_CFG = CFGS["norms"]


def _weights() -> list[bytes]:
    from tests.object_detection.darknet.random_models import random_weights

    return [random_weights(_WEIGHTS_CFG, seed) for seed in range(4)]


def _images() -> list[bytes]:
    """Returns every file of the corpus; those with a result four times, to choose them often."""
    kinds = [kind for kind in KINDS if len(kind.data) < 100_000]
    return [kind.data for kind in kinds for _ in range(1 if kind.refusal else 4)]


def _heifs(name: str) -> list[bytes]:
    """Returns files of HEIF or AVIF with turns, grids, cropping, and those of the tests' data."""
    from tests.object_detection.images import heif_builder, test_heif

    coded, quarters = test_heif.coded(name), test_heif.quarters(name)
    changed = coded.with_properties(
        heif_builder.crop_property(20, 30, -20, 6), heif_builder.turn_property(1)
    )
    grid = [*quarters, heif_builder.grid(2, 2, 100, 90)]
    links = [(b"dimg", 5, [1, 2, 3, 4])]
    seeds = [
        test_heif.build(name, [coded]),
        test_heif.build(name, [changed]),
        test_heif.build(name, grid, 5, references=links),
    ]
    if name == "heif":
        return [*seeds, *(path.read_bytes() for path in heif_builder.DATA.glob("*.heic"))]
    alpha = np.dstack([gradient(), gradient()[..., :1]])
    return [*seeds, save(gradient(), "AVIF"), save(alpha, "AVIF"), save(gradient(9, 9), "AVIF")]


def _jpeg2000s() -> list[bytes]:
    from tests.object_detection.images import heif_builder
    from tests.object_detection.images import test_jpeg2000 as kinds

    grey = gradient()[..., 0]
    palette = kinds.palette([(at, 255 - at, 9) for at in range(256)])
    return [
        kinds.codestream(gradient()),
        kinds.codestream(gradient(), tile_size=(16, 16)),
        kinds.codestream(gradient(), irreversible=True, quality_layers=[40, 10]),
        kinds.jp2(kinds.codestream(gradient())),
        kinds.jp2(kinds.codestream(grey), palette, channels=1),
        save(grey.astype(np.uint16) * 257, "JPEG2000"),
        *(path.read_bytes() for path in heif_builder.DATA.glob("*.j2k")),
    ]


def _gifs() -> list[bytes]:
    from tests.object_detection.images.test_gif import gif

    second = PIL.Image.fromarray(255 - gradient())
    return [
        save(gradient(), "GIF"),
        save(gradient(), "GIF", interlace=True),
        save(gradient(), "GIF", save_all=True, append_images=[second]),
        gif((9, 7), (2, 3, 4, 2), transparent=0),
        gif((4, 4), (1, 2, 8, 5), before=b"!\xfe\3abc\0"),
    ]


def _netpbms() -> list[bytes]:
    from tests.object_detection.images.test_netpbm import KINDS as NETPBMS

    return [data for data, _ in NETPBMS]


def _image_target(seeds: Callable[[], Sequence[bytes]]) -> Target:
    return Target(seeds, BINARY, _run_image, (ImageError,), 64 << 20)


def _onnx() -> list[bytes]:
    from tests.object_detection.onnx import onnx_models

    families = (onnx_models.yolov5, onnx_models.yolov7_raw, onnx_models.yolov6, onnx_models.yolox)
    return [family() for family in (*families, onnx_models.yolov8, onnx_models.yolov10)]


TARGETS = {
    "image": Target(
        _images,
        (*BINARY, fix_png_checksums, fix_png_checksums),
        _run_image,
        (ImageError,),
        64 << 20,
    ),
    "heif": _image_target(functools.partial(_heifs, "heif")),
    "avif": _image_target(functools.partial(_heifs, "avif")),
    "jpeg2000": _image_target(_jpeg2000s),
    "gif": _image_target(_gifs),
    "netpbm": _image_target(_netpbms),
    "event": Target(
        lambda: [path.read_bytes() for path in sorted(_EVENTS.glob("*.json"))],
        DOCUMENT,
        _run_event,
        (EventError, RequestError, TransientError),
        16 << 20,
    ),
    "cfg": Target(
        lambda: [cfg.encode() for cfg in (colour_model.CFG, *CFGS.values())],
        TEXT,
        _run_cfg,
        (ModelError,),
        2 << 30,  # a layer's output may take 1 GiB
    ),
    "onnx": Target(_onnx, BINARY, _run_onnx, (ModelError,), 256 << 20),
    "weights": Target(_weights, BINARY, _run_weights, (ModelError,), 64 << 20),
}
