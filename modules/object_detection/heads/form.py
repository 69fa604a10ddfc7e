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
    """A head with the outputs that it decodes, in its order, and how the network is fed."""

    outputs: tuple[str, ...]
    head: Head
    preprocessing: Preprocessing = LETTERBOX


def never(_: Probe) -> bool:
    """Matches no network: the head must be named in model.json."""
    return False


@dataclass(frozen=True)
class HeadForm:
    """One entry of the registry; each head's file has one, called `FORM`.

    name: the word for `head` in model.json. outputs: the outputs that are recognised, for error
    messages; "" if that is said by another form, or none are. families: the words for `family` in
    model.json that belong to this head, and how each is fed. create: makes the head for a network;
    raises ModelError if the outputs do not fit. matches: whether the outputs have this head's form.
    fallback: `matches` counts only if no other form matches, because the shape alone proves little.
    """

    name: str
    create: Callable[[Probe, Description], RecognisedHead]
    matches: Callable[[Probe], bool] = never
    outputs: str = ""
    families: Mapping[str, Preprocessing] = field(default_factory=dict)
    fallback: bool = False
