"""What is to be known of a model folder, whatever its format; see `Inspection`."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...object_detection.preprocessing import Preprocessing
from .footprint import Footprint


@dataclass(frozen=True)
class HeadFacts:
    """One output that boxes are decoded from.

    stride: a cell's side in pixels; None where the output is no grid. anchors: (width, height) in
    pixels of the input.
    """

    kind: str
    output: str
    shape: tuple[int, ...]
    stride: int | None = None
    anchors: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class NetworkFacts:
    """What the network's own files say.

    layers: a cfg's, or an ONNX file's nodes. parameters: numbers that training found.
    multiply_adds: of convolutions and matrix products, for one image at `input_size`, (width,
    height); None where weights are computed. preprocessing: None where the model does not load.
    notes, problems: for a person.
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
    """A model folder. Where it does not load, `problems` say why, and what is not known is None.

    bytes: of the files that count, together.
    """

    name: str
    path: str
    bytes: int
    digest: str | None = None
    labels: tuple[str, ...] = ()
    network: NetworkFacts | None = None
    footprint: Footprint | None = None
    problems: tuple[str, ...] = field(default=())
