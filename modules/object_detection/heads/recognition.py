"""Finds the head for a network from its outputs on a first image; start at `recognise`.

The rules for each head are in its own file; see `HeadForm.matches`.
"""

from __future__ import annotations

from ..model_description import Description
from .form import HeadForm, RecognisedHead
from .probe import Probe, require_main_output, unknown_output
from .registry import load_form, load_forms


def recognise(probe: Probe, description: Description) -> RecognisedHead:
    """Makes the head that model.json names, or else the only one that matches the outputs.

    Raises:
        ModelError: no head matches, or several do, or the named head does not fit the outputs.
    """
    if description.anchors is not None:
        form = load_form("anchors")
    elif description.head is not None:
        form = load_form(description.head)
    else:
        form = _only_match(probe)
    return form.create(probe, description)


def _only_match(probe: Probe) -> HeadForm:
    matches = [form for form in load_forms() if form.matches(probe)]
    found = [form for form in matches if not form.fallback] or matches
    if len(found) == 1:
        return found[0]
    require_main_output(probe)
    raise unknown_output(probe)
