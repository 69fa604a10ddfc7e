"""`model.json`: what a model's files leave out or have wrong; start at `parse_description`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, cast

from ..errors import ModelError
from .heads.registry import HEAD_NAMES, load_families
from .preprocessing import RESIZES, Preprocessing, Resize

_PREPROCESSING_KEYS = ("scale", "channels", "resize", "padding", "mean", "std")
_ONNX_KEYS = ("head", "outputs", "anchors", "names")

Anchors = tuple[tuple[tuple[float, float], ...], ...]


@dataclass(frozen=True)
class Description:
    """The keys of a `model.json`; None for those that it does not have.

    family: a key of `load_families()`, which gives the preprocessing. head: one of `HEAD_NAMES`,
    which decodes `outputs`. input: (width, height) in pixels. scale, channels, resize, padding,
    mean, std: as in `Preprocessing`. anchors: for each output, (width, height) in pixels. names: of
    the classes, in order.
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

    def preprocessing(self, default: Preprocessing) -> Preprocessing:
        """Returns the family's preprocessing, or `default` without one, with single keys replaced.

        `default` follows from the model's other files.
        """
        base = default if self.family is None else load_families()[self.family]
        return replace(base, **self._given(*_PREPROCESSING_KEYS))

    def merged_over(self, other: Description) -> Description:
        """Returns `other` with the keys that are given here replaced."""
        return replace(other, **self._given(*vars(self)))

    def require_no_onnx_keys(self) -> None:
        """Checks that no key is given which is for ONNX files only.

        Raises:
            ModelError: such a key is given; a Darknet `.cfg` itself has what it describes.
        """
        for key in self._given(*_ONNX_KEYS):
            raise ModelError(
                f"model.json: {key} is for *.onnx only; a Darknet model has it in its *.cfg or "
                "*.names; remove the key"
            )

    def _given(self, *keys: str) -> dict[str, Any]:
        return {key: getattr(self, key) for key in keys if getattr(self, key) is not None}


def parse_description(text: str) -> Description:
    """Parses the text of a `model.json`.

    Raises:
        ModelError: the text is not a JSON object, or a key or its value is unknown.
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
        read, requirement = _KEYS[key]
        try:
            values[key] = read(value)
        except (TypeError, ValueError, OverflowError, ZeroDivisionError):
            shown = json.dumps(value, ensure_ascii=False)
            requirement = requirement or f"one of {', '.join(load_families())}"
            raise ModelError(f"model.json: {key} is {shown}; it must be {requirement}") from None
    return Description(**values)


def _one_of(*words: str) -> tuple[Callable[[Any], str], str]:
    def read(value: Any) -> str:
        if value not in words:
            raise ValueError
        return cast(str, value)

    return read, f"one of {', '.join(words)}"


def _family(value: Any) -> str:
    if not isinstance(value, str) or value not in load_families():
        raise ValueError
    return value


def _size(value: Any) -> tuple[int, int]:
    width, height = value if isinstance(value, list) else (value, value)
    return _integer(width, 1), _integer(height, 1)


def _integer(value: Any, minimum: int, maximum: int = 1 << 15) -> int:
    if type(value) is not int or not minimum <= value <= maximum:
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


def _strings(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        raise ValueError
    return tuple(value)


def _anchors(value: Any) -> Anchors:
    if not value or not all(value):
        raise ValueError
    return tuple(
        tuple((_positive(width), _positive(height)) for width, height in level) for level in value
    )


def _number(value: Any) -> float:
    if type(value) not in (int, float) or not abs(value) < 1 << 15:
        raise ValueError
    return float(value)


def _triple(value: Any, read: Callable[[Any], float]) -> tuple[float, float, float]:
    if not isinstance(value, list):
        raise TypeError
    first, second, third = map(read, value)
    return first, second, third


def _positive(value: Any) -> float:
    if type(value) not in (int, float) or not 0 < value < 1 << 15:
        raise ValueError
    return float(value)


# For each key, the function that reads its value, and what the value must be
_KEYS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "family": (_family, ""),  # the families are loaded only when the key is used
    "head": _one_of(*HEAD_NAMES),
    "outputs": (_strings, 'the names of the outputs to read, like ["output0"]'),
    "input": (_size, "a side in pixels, like 640, or width and height, like [640, 384]"),
    "scale": (_scale, 'what pixels are multiplied by, above 0 and up to 1, like "1/255"'),
    "channels": _one_of("rgb", "bgr"),
    "resize": _one_of(*RESIZES),
    "padding": (lambda value: _integer(value, 0, 255), "a grey, 0 to 255, like 114"),
    "mean": (
        lambda value: _triple(value, _number),
        "what is subtracted from each channel of scaled pixels, like [0.485, 0.456, 0.406]",
    ),
    "std": (
        lambda value: _triple(value, _positive),
        "what each channel is then divided by, above 0, like [0.229, 0.224, 0.225]",
    ),
    "anchors": (
        _anchors,
        "for each output, a list of pairs of width and height in pixels, "
        "like [[[10, 13], [16, 30]]]",
    ),
    "names": (_strings, 'the names of the classes in order, like ["person", "dog"]'),
}
