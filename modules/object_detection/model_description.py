"""`model.json`: what a model's files do not say, or say wrongly; start at `parse_description`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, cast

from ..errors import ModelError
from .preprocessing import RESIZES, Preprocessing, Resize

_CENTRED = Preprocessing(resize="letterbox")
YOLOX = Preprocessing(scale=1.0, channels="bgr", resize="letterbox-top-left")
FAMILIES = {
    **dict.fromkeys(("yolov5", "yolov6", "yolov7", "yolov8", "yolov9", "yolov10"), _CENTRED),
    **dict.fromkeys(("yolo11", "yolo12", "yolo26"), _CENTRED),
    "yolox": YOLOX,
}
HEADS = ("objectness", "yolox", "classes", "anchors", "end-to-end")

Anchors = tuple[tuple[tuple[float, float], ...], ...]


@dataclass(frozen=True)
class Description:
    """A `model.json`. A key that it does not have is None here: the files, or the family, say.

    family: a key of `FAMILIES`, which says how images are fed. head: one of `HEADS`, which says how
    `outputs` are read. input: (width, height) in pixels. scale, channels, resize, padding, mean,
    std: as in `Preprocessing`. anchors: for each output its (width, height) in pixels. names: the
    classes'.
    """

    family: str | None = None
    head: str | None = None
    outputs: tuple[str, ...] | None = None
    input: tuple[int, int] | None = None
    scale: float | None = None
    channels: Literal["rgb", "bgr"] | None = None
    resize: Resize | None = None
    padding: int | None = None
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None
    anchors: Anchors | None = None
    names: tuple[str, ...] | None = None

    def preprocessing(self, told: Preprocessing) -> Preprocessing:
        """How images are fed, where `told` is what the files say."""
        base = told if self.family is None else FAMILIES[self.family]
        keys = ("scale", "channels", "resize", "padding", "mean", "std")
        values = {key: getattr(self, key) for key in keys}
        given = {key: value for key, value in values.items() if value is not None}
        return replace(base, **given)

    def over(self, other: Description) -> Description:
        """This one, and where it has no key, the other."""
        given = {key: value for key, value in vars(self).items() if value is not None}
        return replace(other, **given)

    def require_feeding_alone(self) -> None:
        """Raises ModelError where it speaks of what a Darknet `.cfg` says by itself."""
        for key in ("head", "outputs", "anchors", "names"):
            if getattr(self, key) is not None:
                raise ModelError(f"model.json: {key} is for *.onnx; a *.cfg says it, or *.names")


def parse_description(text: str) -> Description:
    """Reads the text of a `model.json`.

    Raises:
        ModelError: it is no JSON object, or a key or its value is not known.
    """
    try:
        document = json.loads(text)
    except ValueError as error:
        raise ModelError(f"model.json is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise ModelError('model.json must be a JSON object, like {"family": "yolov8"}')
    values = {}
    for key, value in document.items():
        if key not in _KEYS:
            known = ", ".join(field.name for field in fields(Description))
            raise ModelError(f"model.json: '{key}' is not known; these are: {known}")
        read, expected = _KEYS[key]
        try:
            values[key] = read(value)
        except (TypeError, ValueError, OverflowError, ZeroDivisionError):
            shown = json.dumps(value, ensure_ascii=False)
            raise ModelError(f"model.json: {key} is {shown}; it must be {expected}") from None
    return Description(**values)


def _one_of(*words: str) -> tuple[Callable[[Any], str], str]:
    def read(value: Any) -> str:
        if value not in words:
            raise ValueError
        return cast(str, value)

    return read, f"one of {', '.join(words)}"


def _size(value: Any) -> tuple[int, int]:
    width, height = value if isinstance(value, list) else (value, value)
    return _whole(width, 1), _whole(height, 1)


def _whole(value: Any, least: int, most: int = 1 << 15) -> int:
    if type(value) is not int or not least <= value <= most:
        raise ValueError
    return value


def _scale(value: Any) -> float:
    if not isinstance(value, int | float | str) or isinstance(value, bool):
        raise TypeError
    from fractions import Fraction

    scale = float(Fraction(value))
    if not 0 < scale <= 1:
        raise ValueError
    return scale


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        raise ValueError
    return tuple(value)


def _anchors(value: Any) -> Anchors:
    if not value or not all(value):
        raise ValueError
    return tuple(tuple((_side(width), _side(height)) for width, height in level) for level in value)


def _mean(value: Any) -> float:
    if type(value) not in (int, float) or not abs(value) < 1 << 15:
        raise ValueError
    return float(value)


def _three(value: Any, read: Callable[[Any], float]) -> tuple[float, float, float]:
    if not isinstance(value, list):
        raise TypeError
    first, second, third = map(read, value)
    return first, second, third


def _side(value: Any) -> float:
    if type(value) not in (int, float) or not 0 < value < 1 << 15:
        raise ValueError
    return float(value)


_KEYS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "family": _one_of(*FAMILIES),
    "head": _one_of(*HEADS),
    "outputs": (_texts, 'the names of the outputs to read, like ["output0"]'),
    "input": (_size, "a side in pixels, like 640, or width and height, like [640, 384]"),
    "scale": (_scale, 'what pixels are multiplied by, above 0 and up to 1, like "1/255"'),
    "channels": _one_of("rgb", "bgr"),
    "resize": _one_of(*RESIZES),
    "padding": (lambda value: _whole(value, 0, 255), "a grey, 0 to 255, like 114"),
    "mean": (
        lambda value: _three(value, _mean),
        "what each channel of scaled pixels loses, like [0.485, 0.456, 0.406]",
    ),
    "std": (
        lambda value: _three(value, _side),
        "what each is then divided by, above 0, like [0.229, 0.224, 0.225]",
    ),
    "anchors": (
        _anchors,
        "a list an output of pairs of width and height in pixels, like [[[10, 13], [16, 30]]]",
    ),
    "names": (_texts, 'the names of the classes in order, like ["person", "dog"]'),
}
