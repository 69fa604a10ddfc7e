"""Reads the settings from the environment, and checks them; see `Settings.from_environment`."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import Field, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, cast

from .errors import SettingsError
from .object_detection.engines.registry import AUTO, ENGINE_NAMES

if TYPE_CHECKING:
    import argparse

BUNDLED = "bundled"  # the value of MODEL for the model that came with the function's package
_RESIZES = ("stretch", "letterbox")
BOXES, BLUR, PIXELATE, NOTHING = DRAWINGS = ("boxes", "blur", "pixelate", "none")
_FLAGS = {"1": True, "true": True, "0": False, "false": False}
# Settings that change where a result is stored, or whether there is one, but not its content
_NOT_IN_DIGEST = (
    "input_prefix",
    "output_prefix",
    "failed_prefix",
    "model",
    "model_ttl_seconds",
    "max_image_bytes",
    "max_image_pixels",
    "force",
)
# Settings that do nothing unless they are on; a digest without them stays what it was before them
_IN_DIGEST_IF_ON = ("multi_label", "slice_side", "slice_overlap", "draw")
# Fields whose variable has another name than they have
_VARIABLES = {"slice_side": "SLICE"}
# A slice with fewer pixels a side shows parts of things; a JPEG has at most 65,535
_SLICE_SIDES = (64, 65535)
_MAX_OVERLAP = 0.9
_EXPECTED = {"slice_side": "a whole number of pixels from 64 to 65535, like 640, or nothing"}


@dataclass(frozen=True)
class Settings:
    """Every setting with its default. A field is read from the variable that `variable_of` names.

    docs/settings.md explains each one. classes: labels to keep; empty for all. resize: "stretch",
    "letterbox", or empty for what the model was trained with. multi_label: a box counts for every
    class above the confidence, not only for its most probable one. slice_side: in pixels, of the
    slices of large images; None for no slices. slice_overlap: of neighbouring slices, as a part of
    their side. draw: one of `DRAWINGS`. engine: a name in `ENGINE_NAMES`, or "auto" for the first
    of them that runs the model. force: makes results again even if current ones exist.
    """

    input_prefix: str = "input/"
    output_prefix: str = "output/"
    failed_prefix: str = "failed/"
    model: str = "models/yolo-fastest-1.1-xl/"
    confidence: float = 0.5
    nms: float = 0.4
    multi_label: bool = False
    classes: tuple[str, ...] = ()
    slice_side: int | None = None
    slice_overlap: float = 0.3
    draw: str = BOXES
    model_ttl_seconds: float = 60.0
    max_image_bytes: int = 50_000_000
    max_image_pixels: int = 120_000_000
    engine: str = AUTO
    resize: str = ""
    force: bool = False

    def __post_init__(self) -> None:
        """Checks each value, and how the prefixes fit together."""
        for name in ("confidence", "nms"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise _error(name, value, "a number from 0 to 1, like 0.5")
        side, (smallest, largest) = self.slice_side, _SLICE_SIDES
        if side is not None and not smallest <= side <= largest:
            raise _error("slice_side", side, _EXPECTED["slice_side"])
        if not 0 <= self.slice_overlap <= _MAX_OVERLAP:
            expected = f"a number from 0 to {_MAX_OVERLAP}, like 0.3"
            raise _error("slice_overlap", self.slice_overlap, expected)
        if not (math.isfinite(self.model_ttl_seconds) and self.model_ttl_seconds >= 0):
            raise _error("model_ttl_seconds", self.model_ttl_seconds, "0 or more seconds, like 60")
        for name in ("max_image_bytes", "max_image_pixels"):
            if getattr(self, name) < 1:
                raise _error(name, getattr(self, name), "1 or more")
        if self.engine not in (AUTO, *ENGINE_NAMES):
            raise _error("engine", self.engine, f"one of {', '.join([AUTO, *ENGINE_NAMES])}")
        if self.draw not in DRAWINGS:
            raise _error("draw", self.draw, f"one of {', '.join(DRAWINGS)}")
        if self.resize and self.resize not in _RESIZES:
            raise _error("resize", self.resize, f"one of {', '.join(_RESIZES)}, or nothing")
        if not self.model.strip("/"):
            raise _error("model", self.model, "a model's prefix, like models/yolo-fastest-1.1-xl/")
        if self.model.startswith("s3://"):
            bucket, _, prefix = self.model.removeprefix("s3://").partition("/")
            if not bucket or not prefix.strip("/"):
                raise _error("model", self.model, "a bucket and a prefix, like s3://BUCKET/PREFIX/")
        self._check_prefixes()

    def _check_prefixes(self) -> None:
        names = ("input_prefix", "output_prefix", "failed_prefix")
        for name in names:
            prefix = getattr(self, name)
            if prefix.startswith("/") or not prefix.endswith("/") or prefix == "/":
                raise _error(
                    name, prefix, "a prefix that ends in / and does not begin with it, like input/"
                )
        for name in names[1:]:
            prefix = getattr(self, name)
            if prefix.startswith(self.input_prefix) or self.input_prefix.startswith(prefix):
                raise _error(
                    name,
                    prefix,
                    f"a prefix that does not overlap INPUT_PREFIX={self.input_prefix}, "
                    "or the function would trigger itself forever",
                )
        if self.output_prefix == self.failed_prefix:
            raise _error("failed_prefix", self.failed_prefix, "another prefix than OUTPUT_PREFIX")

    @property
    def is_model_known(self) -> bool:
        """Whether the model can be found before an event names a bucket."""
        return self.model == BUNDLED or self.model.startswith("s3://")

    @property
    def letterbox(self) -> bool | None:
        """`resize` as the detector expects it; None for what the model was trained with."""
        return {"letterbox": True, "stretch": False}.get(self.resize)

    def digest(self, model_name: str, engine: str) -> str:
        """Returns "sha256:..." of all settings that change the content of a result.

        Args:
            model_name: is part of it, because a document contains the model's name.
            engine: the name of the one that runs the model, instead of the setting.
        """
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        values["engine"] = engine
        if self.slice_side is None:
            values["slice_overlap"] = None
        if self.draw == BOXES:
            values["draw"] = None
        values = {
            name: value
            for name, value in values.items()
            if name not in _NOT_IN_DIGEST and (value or name not in _IN_DIGEST_IF_ON)
        }
        text = json.dumps({**values, "model": model_name}, sort_keys=True)
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()

    @property
    def draws_picture(self) -> bool:
        """Whether a result has an annotated image."""
        return self.draw != NOTHING

    @property
    def redacts(self) -> bool:
        """Whether the annotated image hides the objects."""
        return self.draw in (BLUR, PIXELATE)

    def described(self) -> dict[str, float | bool | str]:
        """Returns what a result's document says about the settings that it was made with.

        `multi_label`, `slice`, `slice_overlap` and `draw` are there only if they are not what they
        are by default, so that documents are what they were before them.
        """
        described: dict[str, float | bool | str] = {"confidence": self.confidence, "nms": self.nms}
        if self.multi_label:
            described["multi_label"] = True
        if self.slice_side is not None:
            described |= {"slice": self.slice_side, "slice_overlap": self.slice_overlap}
        if self.draw != BOXES:
            described["draw"] = self.draw
        return described

    @classmethod
    def from_arguments(
        cls, environment: Mapping[str, str], arguments: argparse.Namespace
    ) -> Settings:
        """Reads the variables, and the options of `add_detection_arguments`, which win.

        Raises:
            SettingsError: a value cannot be read, or is invalid.
        """
        given = {
            name: getattr(arguments, name, None)
            for name in ("confidence", "nms", "multi_label", "slice_overlap", "draw")
        }
        return cls.from_environment(
            environment, slice_side=getattr(arguments, "slice", None), **given
        )

    def changed(self, options: Mapping[str, str]) -> Settings:
        """Returns these settings with other values for some of them, which are read from texts.

        `options` have the names of the variables, in lower case.

        Raises:
            SettingsError: a value cannot be read, or is invalid.
        """
        by_name = {variable_of(field.name).lower(): field for field in fields(self)}
        values: dict[str, Any] = {
            by_name[name].name: _read(by_name[name], text.strip()) for name, text in options.items()
        }
        return replace(self, **values)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], **options: str | None) -> Settings:
        """Reads the variables that are set and not empty.

        `options` are fields; those that are not None take precedence over their variables.

        Raises:
            SettingsError: a value cannot be read, or is invalid.
        """
        values: dict[str, object] = {}
        for field in fields(cls):
            given = options.get(field.name)
            variable = environment.get(variable_of(field.name), "")
            text = (variable if given is None else given).strip()
            if text:
                values[field.name] = _read(field, text)
        return cls(**values)  # type: ignore[arg-type]


def add_detection_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options of the commands that detect; see `Settings.from_arguments`."""
    parser.add_argument(
        "--confidence",
        metavar="C",
        help="drop detections with this confidence or less, 0 to 1 "
        f"(default {Settings.confidence})",
    )
    parser.add_argument(
        "--nms",
        metavar="N",
        help="drop a box that overlaps a more confident box of the same class by more than this, "
        f"0 to 1 (default {Settings.nms})",
    )
    parser.add_argument(
        "--multi-label",
        action="store_const",
        const="1",
        help="count a box for every class above the confidence, not only for the most probable one",
    )
    parser.add_argument(
        "--slice",
        metavar="SIDE",
        help="look at an image in overlapping slices, too, of this many pixels a side, to find "
        "small things in large images",
    )
    parser.add_argument(
        "--slice-overlap",
        metavar="O",
        help="how much neighbouring slices overlap, as a part of their side, 0 to "
        f"{_MAX_OVERLAP} (default {Settings.slice_overlap})",
    )


def add_draw_argument(parser: argparse.ArgumentParser) -> None:
    """Declares the option of the commands that draw; see `Settings.from_arguments`."""
    parser.add_argument(
        "--draw",
        choices=DRAWINGS,
        help="boxes and labels; or hide the objects by blur or pixelate; or none, documents alone "
        f"(default {Settings.draw})",
    )


def variable_of(field: str) -> str:
    """Returns the environment variable from which a field is read."""
    return _VARIABLES.get(field, field.upper())


def _read(field: Field[Any], text: str) -> object:
    name, default = field.name, cast(object, field.default)
    kind: Any = type(default)
    if default is None:  # a whole number, or nothing
        if not text:
            return None
        kind = int
    if kind is bool:
        if text.lower() not in _FLAGS:
            raise _error(name, text, "1 or 0")
        return _FLAGS[text.lower()]
    try:
        if kind is tuple:
            return tuple(item.strip() for item in text.split(",") if item.strip())
        return kind(text)
    except ValueError:
        expected = _EXPECTED.get(name, "a whole number" if kind is int else "a number")
        raise _error(name, text, expected) from None


def _error(name: str, value: object, expected: str) -> SettingsError:
    return SettingsError(f"{variable_of(name)}={value} cannot work: it must be {expected}")
