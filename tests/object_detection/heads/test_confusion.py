"""No head takes the export of another: each form's example is given to every other form alone."""

from __future__ import annotations

import json

import numpy as np
import pytest

from modules.errors import ModelError, UndecidedHeadError
from modules.object_detection.heads import recognition
from modules.object_detection.heads.form import RecognisedHead
from modules.object_detection.heads.probe import Probe
from modules.object_detection.heads.registry import HEAD_NAMES, load_form
from modules.object_detection.model_description import Description, parse_description
from modules.object_detection.onnx import importer
from tests.object_detection.heads import recorded_exports
from tests.object_detection.heads.earlier_forms import FORMS, OnnxForm
from tests.object_detection.heads.test_separate_families import CASES
from tests.object_detection.onnx.onnx_models import LABELS, constant_outputs, ultralytics

RANDOM = np.random.default_rng(0)
BOXES, SCORES = RANDOM.uniform(0.2, 0.8, (1, 30, 4)), RANDOM.uniform(0, 1, (1, 30, 3))
WHOLE = RANDOM.integers(0, 3, (1, 30, 1))
_NAMING_KEYS = {"head", "anchors", "columns"}  # of model.json: nothing is recognised then
EXAMPLES = {
    **{
        name: form
        for name, form in FORMS.items()
        if isinstance(form, OnnxForm)
        and not _NAMING_KEYS & set(form.description)
        and not name.startswith(("family", "converted"))
    },
    **{
        f"{name}, apart": OnnxForm(case.onnx, case.labels, case.description)
        for name, case in CASES.items()
    },
    **{
        f"{name}, recorded": OnnxForm(
            lambda name=name: recorded_exports.read(name).onnx.tobytes(),  # type: ignore[misc]
            tuple(map(str, range(recorded_exports.read(name).names))),
        )
        for name in recorded_exports.recorded_names()
    },
}
RT_DETR = ultralytics(description="Ultralytics rtdetr-l model", end2end="False")
EXAMPLES |= {
    "rf-detr": OnnxForm(
        lambda: constant_outputs(BOXES, 9 * SCORES - 5, names=("dets", "labels")), LABELS[:2]
    ),
    "rt-detr by Ultralytics, up to 8.4": OnnxForm(
        lambda: constant_outputs(np.concatenate([BOXES, SCORES], axis=2), metadata=RT_DETR)
    ),
    "rt-detr by Ultralytics, since 8.4": OnnxForm(
        lambda: constant_outputs(
            np.concatenate([BOXES, -np.sort(-SCORES[:, :, :1], axis=1), WHOLE], axis=2),
            metadata=RT_DETR,
        )
    ),
}
# Rows of corners, a score and a class at their cells: whether they are suppressed follows from the
# metadata and from the order of the scores, if both forms are there. RF-DETR's own classes have a
# column more, like DETR's; its outputs' names tell
ALIKE = {"end-to-end": {"corners"}, "corners": {"end-to-end"}, "rf-detr": {"detr-softmax"}}


def probes(form: OnnxForm, monkeypatch: pytest.MonkeyPatch) -> list[Probe]:
    """Returns what the importer sees: an example's outputs for a plain image, and for noise."""
    seen: list[Probe] = []

    def record(probe: Probe, description: Description) -> RecognisedHead:
        seen.append(probe)
        if len(seen) == 1:
            raise UndecidedHeadError("go on with noise")
        return recognition.recognise(probe, description)

    with monkeypatch.context() as patched:
        patched.setattr(importer, "recognise", record)
        form.load()
    return seen


def reader(form: OnnxForm, seen: list[Probe]) -> str | None:
    """Returns the name of the head that takes an example; None if all refuse it."""
    description = parse_description(json.dumps(form.description))
    try:
        try:
            head = recognition.recognise(seen[0], description).head
        except UndecidedHeadError:
            head = recognition.recognise(seen[1], description).head
    except ModelError:
        return None
    return head.summary.name if head.classes == seen[0].label_count else None


@pytest.mark.parametrize("name", EXAMPLES)
def test_no_other_form_takes_an_export(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    form = EXAMPLES[name]
    seen = probes(form, monkeypatch)
    own = reader(form, seen)

    takers = set()
    for other in HEAD_NAMES:
        monkeypatch.setattr(recognition, "load_forms", lambda other=other: (load_form(other),))
        if reader(form, seen):
            takers.add(other)

    assert own in takers
    assert takers - {own} <= ALIKE.get(own or "", set())


def test_there_is_an_example_for_every_form_that_is_recognised() -> None:
    heads = {form.load().head.summary.name for form in EXAMPLES.values()}

    assert heads == set(HEAD_NAMES) - {"anchors"}  # which are never recognised
