"""A head as a registry entry: how it is recognised and made; see `HeadForm`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ..model_description import Description
from ..preprocessing import Preprocessing
from .evidence import Evidence, Level
from .head import Head
from .probe import Probe

LETTERBOX = Preprocessing(resize="letterbox")  # of all YOLO families but YOLOX


@dataclass(frozen=True)
class RecognisedHead:
    """A head, the names of the outputs that it decodes, and the network's preprocessing.

    evidence: a noun phrase, what the head was recognised by.
    """

    outputs: tuple[str, ...]
    head: Head
    preprocessing: Preprocessing = LETTERBOX
    evidence: str = ""


def never(_: Probe) -> bool:
    """Fits no outputs, so model.json must name the head."""
    return False


def shape_alone(_: Probe) -> tuple[Evidence, ...]:
    """Returns the evidence of a head that only its outputs' shapes speak for."""
    return (Evidence(Level.SHAPES, "the shapes of its outputs"),)


@dataclass(frozen=True)
class HeadForm:
    """One entry of the registry; each head's file has one, called `FORM`.

    name: the word for `head` in model.json. create: makes the head for a network; raises ModelError
    if the outputs do not fit. fits: returns whether the outputs have a shape that the head can
    decode. evidence: what else speaks for the head or against it, where it fits; see
    recognition.py. outputs: the shapes that are recognised, for error messages; "" if none are, or
    another form lists them. meaning: what the outputs then hold, for error messages. families: the
    words for `family` in model.json that belong to this head, each with its preprocessing.
    """

    name: str
    create: Callable[[Probe, Description], RecognisedHead]
    fits: Callable[[Probe], bool] = never
    evidence: Callable[[Probe], Sequence[Evidence]] = shape_alone
    outputs: str = ""
    meaning: str = ""
    families: Mapping[str, Preprocessing] = field(default_factory=dict)
