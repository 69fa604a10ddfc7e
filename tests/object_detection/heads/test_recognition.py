"""How a head is chosen among all of the registry; test_families.py has the rules of each head."""

import sys
from dataclasses import replace
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
    outputs = replace(probe(zeros(1, CELLS, CELLS)), label_count=None)

    with pytest.raises(ModelError, match=r'"head": "objectness" .* or .*"head": "classes" '):
        recognise(outputs, Description())


@pytest.mark.parametrize("names", [3, None])
@pytest.mark.parametrize(("transposed", "head"), [(False, "objectness"), (True, "classes")])
def test_the_refusal_of_an_unknown_grid_gives_the_value_for_head(
    transposed: bool, head: str, names: int | None
) -> None:
    """Strides of 8 and 16 alone, which no family has."""
    width, height = SIZE
    cells = width // 8 * (height // 8) + width // 16 * (height // 16)
    rows = zeros(1, cells, 8 - transposed)
    table = rows.transpose(0, 2, 1) if transposed else rows
    outputs = Probe({"output0": table}, SIZE, names)

    with pytest.raises(
        ModelError, match=rf'if it holds {cells} boxes in pixels, give model\.json "head": "{head}"'
    ):
        recognise(outputs, Description())

    found = recognise(outputs, Description(head=head))
    assert (found.head.summary.name, found.head.classes) == (head, 3)


def test_a_list_without_objects_is_recognised_by_its_shape_unless_its_rows_can_be_cells() -> None:
    found = recognise(probe(zeros(1, CELLS + 1, 6)), Description())

    assert found.head.summary.name == "end-to-end"
    assert found.evidence == "the shape of its output"
    with pytest.raises(ModelError, match=r'"objectness" .*"yolox" .*"end-to-end" .*"corners" '):
        recognise(replace(probe(zeros(1, CELLS, 6)), label_count=1), Description())


def test_the_number_of_names_excludes_a_head_with_other_classes() -> None:
    with pytest.raises(ModelError) as error:
        recognise(probe(zeros(1, CELLS, 6)), Description())

    assert '"corners"' in str(error.value)
    assert '"yolox"' not in str(error.value)


@pytest.mark.parametrize(
    ("size", "count"), [((320, 192), 300), ((320, 320), 500), ((640, 320), 1000)]
)
@pytest.mark.parametrize("classes", [1, 80])
def test_a_list_with_as_many_rows_as_the_grid_has_cells_is_no_grid(
    size: tuple[int, int], count: int, classes: int
) -> None:
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 0.5, (count, 4)) * np.tile(size, 2)
    corners[:, 2:] += corners[:, :2]
    scores = np.sort(rng.uniform(0, 0.2, count))[::-1]
    rows = np.column_stack([corners, scores, rng.integers(0, classes, count)]).astype(np.float32)
    nothing = np.zeros((1, count, 6), np.float32)
    stated = {"end2end": "True"}

    found = recognise(Probe({"output0": rows[np.newaxis]}, size, classes), Description())
    by_metadata = recognise(Probe({"output0": nothing}, size, classes, stated), Description())

    assert found.head.summary.name == by_metadata.head.summary.name == "end-to-end"
    assert found.preprocessing.channels == "rgb"
    assert by_metadata.evidence == "`end2end` in the metadata"
    with pytest.raises(ModelError, match=r'"head": "end-to-end"'):
        recognise(Probe({"output0": nothing}, size, classes), Description())


@pytest.fixture
def new_head(monkeypatch: pytest.MonkeyPatch) -> str:
    """Adds a head for depths and scores in two outputs: one module, and its name."""
    module = ModuleType("depths_and_scores")
    module.FORM = HeadForm(  # type: ignore[attr-defined]
        "depths-and-scores",
        lambda probe, _: RecognisedHead(tuple(probe.outputs), ClassHead(80)),
        lambda probe: [output.shape[2] for output in probe.outputs.values()] == [5, 80],
        lambda _: (Evidence(Level.OUTPUT_NAMES, "the names of its outputs"),),
        outputs="[1, N, 5] and [1, N, 80]",
    )
    monkeypatch.setattr(registry, "HEAD_NAMES", (*registry.HEAD_NAMES, "depths-and-scores"))
    monkeypatch.setitem(sys.modules, f"{registry.__package__}.depths_and_scores", module)
    return "depths-and-scores"


def test_a_head_is_added_by_one_module_and_its_name(new_head: str) -> None:
    outputs = probe(zeros(1, 300, 5), zeros(1, 300, 80))

    found = recognise(outputs, Description())

    assert (found.outputs, found.evidence) == (("output0", "output1"), "the names of its outputs")
    assert recognise(outputs, Description(head=new_head)).head == ClassHead(80)
    assert "[1, N, 5] and [1, N, 80]" in registry.known_outputs()
