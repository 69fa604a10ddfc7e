"""What `models inspect` finds out about a model folder, for all formats; see `Inspection`."""

from __future__ import annotations

from dataclasses import dataclass

from ...object_detection.heads.head import Anchors
from ...object_detection.preprocessing import Preprocessing
from .footprint import Footprint


@dataclass(frozen=True)
class HeadFacts:
    """One output that boxes are decoded from.

    kind: the head's name. stride: the side of a cell in pixels; None if the output is not a grid.
    anchors: (width, height) in pixels of the input. evidence: a noun phrase, what the head was
    recognised by.
    """

    kind: str
    output: str
    shape: tuple[int, ...]
    stride: int | None = None
    anchors: Anchors = ()
    evidence: str = ""


@dataclass(frozen=True)
class NetworkFacts:
    """The facts about the network itself.

    layers: the number of a cfg's sections, or of an ONNX file's nodes. parameters: how many numbers
    were trained. multiply_adds: of convolutions and matrix products, for one image of `input_size`,
    (width, height); None if weights are computed. preprocessing: None if the model does not load.
    notes, problems: texts for a person.
    """

    format: str
    family: str
    layers: int
    parameters: int
    multiply_adds: int | None
    input_size: tuple[int, int]
    heads: tuple[HeadFacts, ...]
    preprocessing: Preprocessing | None
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Inspection:
    """A model folder. If it does not load, `problems` has the reason, and unknown facts are None.

    bytes: the total size of the model's files.
    """

    name: str
    path: str
    bytes: int
    digest: str | None = None
    labels: tuple[str, ...] = ()
    network: NetworkFacts | None = None
    footprint: Footprint | None = None
    problems: tuple[str, ...] = ()
