"""How a head is chosen among all of the registry; test_families.py has the rules of each head."""

import sys
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

from modules.errors import ModelError
from modules.object_detection.heads import registry
from modules.object_detection.heads.classes import ClassHead
from modules.object_detection.heads.evidence import Evidence, Level
from modules.object_detection.heads.form import HeadForm, RecognisedHead
from modules.object_detection.heads.probe import Probe
from modules.object_detection.heads.recognition import recognise
from modules.object_detection.model_description import Description
from tests.object_detection.onnx.onnx_layers import CELLS, SIZE


def probe(*outputs: NDArray[np.float32]) -> Probe:
    return Probe({f"output{index}": value for index, value in enumerate(outputs)}, SIZE, 3)


def zeros(*shape: int) -> NDArray[np.float32]:
    return np.zeros(shape, np.float32)


def test_outputs_that_two_heads_can_decode_are_refused_with_the_words_for_head() -> None:
    with pytest.raises(ModelError, match=r'"head": "objectness" .* or .*"head": "classes" '):
        recognise(probe(zeros(1, CELLS, CELLS)), Description())


def test_a_list_without_objects_is_recognised_by_its_shape_unless_its_rows_can_be_cells() -> None:
    found = recognise(probe(zeros(1, CELLS + 1, 6)), Description())

    assert found.head.summary.name == "end-to-end"
    assert found.evidence == "the shape of its output"
    with pytest.raises(ModelError, match=r'"objectness" .*"yolox" .*"end-to-end" .*"corners" '):
        recognise(probe(zeros(1, CELLS, 6)), Description())


@pytest.fixture
def new_head(monkeypatch: pytest.MonkeyPatch) -> str:
    """Adds a head for boxes and scores in two outputs: one module, and its name."""
    module = ModuleType("boxes_and_scores")
    module.FORM = HeadForm(  # type: ignore[attr-defined]
        "boxes-and-scores",
        lambda probe, _: RecognisedHead(tuple(probe.outputs), ClassHead(80)),
        lambda probe: [output.shape[2] for output in probe.outputs.values()] == [4, 80],
        lambda _: (Evidence(Level.OUTPUT_NAMES, "the names of its outputs"),),
        outputs="[1, N, 4] and [1, N, 80]",
    )
    monkeypatch.setattr(registry, "HEAD_NAMES", (*registry.HEAD_NAMES, "boxes-and-scores"))
    monkeypatch.setitem(sys.modules, f"{registry.__package__}.boxes_and_scores", module)
    return "boxes-and-scores"


def test_a_head_is_added_by_one_module_and_its_name(new_head: str) -> None:
    outputs = probe(zeros(1, 300, 4), zeros(1, 300, 80))

    found = recognise(outputs, Description())

    assert (found.outputs, found.evidence) == (("output0", "output1"), "the names of its outputs")
    assert recognise(outputs, Description(head=new_head)).head == ClassHead(80)
    assert "[1, N, 4] and [1, N, 80]" in registry.known_outputs()
