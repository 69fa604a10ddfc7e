"""A head as a registry entry: how it is recognised and made; see `HeadForm`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..model_description import Description
from ..preprocessing import Preprocessing
from .head import Head
from .probe import Probe

LETTERBOX = Preprocessing(resize="letterbox")  # of all YOLO families but YOLOX


@dataclass(frozen=True)
class RecognisedHead:
    """A head, the names of the outputs that it decodes, and the network's preprocessing."""

    outputs: tuple[str, ...]
    head: Head
    preprocessing: Preprocessing = LETTERBOX


def never(_: Probe) -> bool:
    """Matches no outputs, so model.json must name the head."""
    return False


@dataclass(frozen=True)
class HeadForm:
    """One entry of the registry; each head's file has one, called `FORM`.

    name: the word for `head` in model.json. create: makes the head for a network; raises ModelError
    if the outputs do not fit. matches: returns whether the outputs are of this form. outputs: the
    shapes that are recognised, for error messages; "" if none are, or another form lists them.
    families: the words for `family` in model.json that belong to this head, each with its
    preprocessing. fallback: `matches` counts only if no other form matches, because the shape alone
    proves little.
    """

    name: str
    create: Callable[[Probe, Description], RecognisedHead]
    matches: Callable[[Probe], bool] = never
    outputs: str = ""
    families: Mapping[str, Preprocessing] = field(default_factory=dict)
    fallback: bool = False
