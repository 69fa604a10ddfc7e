"""Finds the head for a network; start at `recognise`.

`head` in model.json decides. Without it, the heads whose shapes fit are compared by their evidence,
strongest `Level` first: what the exporter's metadata states, the names of the outputs, their values
and their shapes. Each head's file has its rules; see `HeadForm.fits` and `HeadForm.evidence`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ...errors import ModelError, UndecidedHeadError
from ..model_description import Description
from .evidence import Evidence, Level
from .exporter_metadata import states_rt_detr
from .extended_rows import EXTENDED_TASKS
from .form import HeadForm, RecognisedHead
from .probe import Probe, advice, require_main_output, unknown_output
from .registry import load_form, load_forms

_Evidence = Mapping[str, Sequence[Evidence]]  # by the form's name


def recognise(probe: Probe, description: Description) -> RecognisedHead:
    """Makes the head that model.json names, or else the one that the evidence leaves.

    Raises:
        UndecidedHeadError: the evidence leaves several heads.
        ModelError: no head fits, or the head that model.json names does not fit the outputs.
    """
    if description.anchors is not None:
        form, reason = load_form("anchors"), "`anchors` in model.json"
    elif description.head is not None:
        form, reason = load_form(description.head), "`head` in model.json"
    elif description.columns is not None:
        raise ModelError(
            'model.json: columns needs "head" too: "end-to-end" if the network suppresses boxes '
            'itself, or else "corners"'
        )
    else:
        form, reason = _decide(probe)
        _require_stated_task(probe, form)
        _require_stated_transformer(probe, form)
    return replace(form.create(probe, description), evidence=reason)


def _require_stated_task(probe: Probe, form: HeadForm) -> None:
    """Refuses a network whose metadata states another task than its outputs show."""
    task = probe.metadata.get("task")
    if task in (None, form.name) or (task == "detect" and form.name not in EXTENDED_TASKS):
        return
    if task == "detect" or task in EXTENDED_TASKS:
        raise ModelError(
            f"its metadata states the task '{task}', but its output is {probe}, which looks like "
            f'{form.meaning}; give model.json "head": "{form.name}" if that is right'
        )


def _require_stated_transformer(probe: Probe, form: HeadForm) -> None:
    """Refuses a network whose metadata states an RT-DETR, which its outputs do not show."""
    if states_rt_detr(probe.metadata) and "detr" not in form.name:
        raise ModelError(
            f"its metadata states an RT-DETR, but its output is {probe}, which looks like "
            f'{form.meaning}; give model.json "head": "{form.name}" if that is right'
        )


def _decide(probe: Probe) -> tuple[HeadForm, str]:
    """Returns the form that the evidence leaves, and the reason."""
    left = [form for form in load_forms() if form.fits(probe)]
    evidence = {form.name: form.evidence(probe) for form in left}
    if not left:
        require_main_output(probe)
        raise unknown_output(probe)
    for level in Level:
        possible = [form for form in left if not _against(form, evidence, level)]
        if not possible and level > Level.METADATA:
            raise _nothing_fits(probe, left, evidence, level)
        chosen = [form for form in possible if _reason(form, evidence, level)] or possible or left
        if len(chosen) == 1 and (len(left) > 1 or _reason(chosen[0], evidence, level)):
            (form,) = chosen
            return form, _reason(form, evidence, level) or _excluded(left, evidence, level)
        left = chosen
    raise _undecided(probe, left)


def _undecided(probe: Probe, left: Sequence[HeadForm]) -> UndecidedHeadError:
    width, height = probe.input_size
    readings = " or ".join(f'"head": "{form.name}" ({form.meaning})' for form in left)
    return UndecidedHeadError(
        f"its output is {probe} at {width} x {height}, which has several readings, and nothing in "
        f"the file or in its values for a first image decides; give model.json {readings}"
        f"{'' if probe.label_count else '; the names of its classes, in a *.names, may decide too'}"
    )


def _reason(form: HeadForm, evidence: _Evidence, level: Level) -> str:
    """Returns what speaks for a form at that level; "" if nothing does."""
    found = (item for item in evidence[form.name] if item.level == level)
    return next((item.reason for item in found if item.speaks_for), "")


def _against(form: HeadForm, evidence: _Evidence, level: Level) -> str:
    """Returns what speaks against a form at that level; "" if nothing does."""
    found = (item for item in evidence[form.name] if item.level == level)
    return next((item.reason for item in found if not item.speaks_for), "")


def _excluded(left: Sequence[HeadForm], evidence: _Evidence, level: Level) -> str:
    """Returns the reason for the one form that is left when the others are excluded."""
    reasons = (_against(form, evidence, level) for form in left)
    return next(reason for reason in reasons if reason)


def _nothing_fits(
    probe: Probe, left: Sequence[HeadForm], evidence: _Evidence, level: Level
) -> ModelError:
    reasons = "; ".join(
        f"not {form.meaning} (`{form.name}`): {_against(form, evidence, level)}" for form in left
    )
    return ModelError(
        f"its output is {probe}, but its values for a first image are {reasons}; model.json "
        f"can give `head`, `outputs` and `columns`{advice(probe)}"
    )
