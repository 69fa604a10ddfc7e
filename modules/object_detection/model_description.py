"""`model.json`: what a model's files leave out or have wrong; start at `parse_description`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, cast

from ..errors import ModelError
from .heads.corner_rows import KNOWN_COLUMNS
from .heads.registry import HEAD_NAMES, load_families
from .preprocessing import NO_MEAN, NO_STD, RESIZES, Preprocessing, Resize

_PREPROCESSING_KEYS = ("scale", "channels", "resize", "padding", "mean", "std")
# A mean or a std this many times as large as the largest scaled pixel is of pixels from 0 to 255
_OUT_OF_RANGE = 10
_LARGEST = 1 << 15  # of sides in pixels, means and stds
_ONNX_KEYS = ("head", "outputs", "columns", "anchors", "names")

Anchors = tuple[tuple[tuple[float, float], ...], ...]


@dataclass(frozen=True)
class Description:
    """The keys of a `model.json`; None for those that it does not have.

    family: a key of `load_families()`, which gives the preprocessing. head: one of `HEAD_NAMES`,
    which decodes `outputs`. columns: their order in a list of objects. input: (width, height) in
    pixels. scale, channels, resize, padding, mean, std: as in `Preprocessing`. anchors: for each
    output, (width, height) in pixels. names: of the classes, in order.
    """

    family: str | None = None
    head: str | None = None
    outputs: tuple[str, ...] | None = None
    columns: tuple[str, ...] | None = None
    input: tuple[int, int] | None = None
    scale: float | None = None
    channels: Literal["rgb", "bgr"] | None = None
    resize: Resize | None = None
    padding: float | None = None
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None
    anchors: Anchors | None = None
    names: tuple[str, ...] | None = None

    def preprocessing(self, default: Preprocessing) -> Preprocessing:
        """Returns the family's preprocessing, or `default` without one, with single keys replaced.

        Keys that belong together replace the default together: a `mean` without a `std` means a
        std of 1, a `std` without a `mean` means a mean of 0, and a `scale` without them means both.
        If only `channels` differs, the default's mean and std stay with their colours. For a
        Darknet network, the resize "letterbox" is Darknet's own.

        Args:
            default: follows from the model's other files.

        Raises:
            ModelError: `mean` or `std` cannot be for pixels of the default scale, and there is no
                `scale`.
        """
        base = default if self.family is None else load_families()[self.family]
        keys = self._given(*_PREPROCESSING_KEYS)
        if keys.keys() & {"scale", "mean", "std"}:
            base = replace(base, mean=NO_MEAN, std=NO_STD)
        elif self.channels not in (None, base.channels):
            base = replace(base, mean=base.mean[::-1], std=base.std[::-1])
        if self.scale is None:
            self._check_range(255 * base.scale)
        if self.resize == "letterbox" and base.letterbox == "letterbox-darknet":
            keys["resize"] = base.letterbox
        return replace(base, **keys)

    def merged_over(self, other: Description) -> Description:
        """Returns `other` with the keys that are given here replaced.

        A `head` or `anchors` given here replaces both. For the preprocessing, call `preprocessing`
        of `other` and then of this description: the merged keys do not show what belongs together.
        """
        if self.head is not None or self.anchors is not None:
            other = replace(other, head=None, anchors=None)
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

    def _check_range(self, largest: float) -> None:
        """Checks that `mean` and `std` can be for pixels from 0 to `largest`."""
        for key, values in self._given("mean", "std").items():
            if max(map(abs, values)) > _OUT_OF_RANGE * largest:
                raise ModelError(
                    f"model.json: {key} is {list(values)}, but pixels reach only {largest:.6g} "
                    f"with the scale {largest / 255:.6g}; give `scale` too, which is 1 for a {key} "
                    "of pixels from 0 to 255"
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


def _integer(value: Any, minimum: int) -> int:
    if type(value) is not int or not minimum <= value <= _LARGEST:
        raise ValueError
    return value


def _number(value: Any) -> float:
    """Reads a number, or a text with a number or a fraction, like "0.5" or "1/127.5"."""
    if isinstance(value, str):
        numerator, slash, denominator = value.partition("/")
        return float(numerator) / float(denominator) if slash else float(numerator)
    if type(value) not in (int, float):
        raise TypeError
    return float(value)


def _bounded(value: float, *, above: float, maximum: float) -> float:
    if not above < value <= maximum:  # NaN neither
        raise ValueError
    return value


def _strings(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        raise ValueError
    return tuple(value)


def _columns(value: Any) -> tuple[str, ...]:
    columns = _strings(value)
    if sorted(set(columns) - {"batch"}) != sorted(name for name in columns if name != "batch"):
        raise ValueError
    if set(columns) | {"batch"} != set(KNOWN_COLUMNS):
        raise ValueError
    return columns


def _anchors(value: Any) -> Anchors:
    if not value or not all(value):
        raise ValueError
    return tuple(
        tuple((_positive(width), _positive(height)) for width, height in level) for level in value
    )


def _triple(value: Any, read: Callable[[Any], float]) -> tuple[float, float, float]:
    if not isinstance(value, list):
        raise TypeError
    first, second, third = map(read, value)
    return first, second, third


def _mean(value: Any) -> float:
    return _bounded(_number(value), above=-_LARGEST, maximum=_LARGEST)


def _positive(value: Any) -> float:
    return _bounded(_number(value), above=0, maximum=_LARGEST)


def _padding(value: Any) -> float:
    if type(value) not in (int, float) or not 0 <= value <= 255:
        raise ValueError
    return float(value)


# For each key, the function that reads its value, and what the value must be
_KEYS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "family": (_family, ""),  # the families are loaded only when the key is used
    "head": _one_of(*HEAD_NAMES),
    "outputs": (_strings, 'the names of the outputs to read, like ["output0"]'),
    "columns": (
        _columns,
        'the order of the columns, each of x1, y1, x2, y2, score and class once, and "batch" for '
        'one to ignore, like ["batch", "x1", "y1", "x2", "y2", "score", "class"]',
    ),
    "input": (_size, "a side in pixels, like 640, or width and height, like [640, 384]"),
    "scale": (
        lambda value: _bounded(_number(value), above=0, maximum=1),
        'what pixels are multiplied by, above 0 and up to 1, like "1/255" or 0.5',
    ),
    "channels": _one_of("rgb", "bgr"),
    "resize": _one_of(*RESIZES),
    "padding": (_padding, "a grey, 0 to 255, like 114"),
    "mean": (
        lambda value: _triple(value, _mean),
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
