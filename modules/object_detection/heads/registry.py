"""The heads that model.json can name; start at `load_form`.

Each head has a file with the same name in this folder ("_" for "-"), and in it a `FORM`. Reading a
model.json needs only the names, so a head's file is imported when the head is used.

To add a head, add its file and its name below; other modules need no change.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..preprocessing import Preprocessing
    from .form import HeadForm

HEAD_NAMES = (
    "objectness",
    "yolox",
    "classes",
    "anchors",
    "end-to-end",
    "corners",
    "detr",
    "detr-softmax",
    "rf-detr",
    "detr-boxes",
    "detr-rows",
    "detr-list",
    "boxes-and-scores",
    "dets-and-labels",
    "object-lists",
    "paddle",
    "tensorflow",
    "effdet",
    "nanodet",
    "segment",
    "pose",
    "obb",
)


def load_form(name: str) -> HeadForm:
    """Returns the form of the head with that name, one of `HEAD_NAMES`."""
    module = importlib.import_module(f".{name.replace('-', '_')}", __package__)
    form: HeadForm = module.FORM
    return form


def load_forms() -> tuple[HeadForm, ...]:
    """Returns all forms, in the order of `HEAD_NAMES`."""
    return tuple(map(load_form, HEAD_NAMES))


def load_families() -> Mapping[str, Preprocessing]:
    """Returns the preprocessing of each family, by the word for `family` in model.json."""
    return {name: value for form in load_forms() for name, value in form.families.items()}


def known_outputs() -> str:
    """Lists the outputs that are recognised, for the end of an error message."""
    known = ", ".join(form.outputs for form in load_forms() if form.outputs)
    return f"known are {known}; model.json can give `head` and `outputs`"
