"""Every name of a head is a head; the registry itself imports no head."""

import subprocess
import sys
from collections import Counter

import pytest

from modules.object_detection.heads.registry import (
    HEAD_NAMES,
    known_outputs,
    load_families,
    load_form,
    load_forms,
)
from tests.conftest import ROOT


@pytest.mark.parametrize("name", HEAD_NAMES)
def test_every_head_has_a_form_with_its_name(name: str) -> None:
    assert load_form(name).name == name


def test_no_family_belongs_to_two_heads() -> None:
    families = Counter(family for form in load_forms() for family in form.families)

    assert set(families.values()) == {1}
    assert families.keys() == load_families().keys()


def test_the_known_outputs_are_listed_in_the_order_of_the_registry() -> None:
    listed = ", ".join(form.outputs for form in load_forms() if form.outputs)

    assert listed.startswith(
        "[1, N, 5 + classes] with a row for each cell or anchor, "
        "[1, 4 + classes, N] with a column for each cell, "
    )
    assert known_outputs() == f"known are {listed}; model.json can give `head` and `outputs`"


def test_the_names_can_be_read_without_importing_a_head() -> None:
    code = (
        "import sys, modules.object_detection.heads.registry; "
        "heads = [name for name in sys.modules if '.heads.' in name]; "
        "sys.exit(heads != ['modules.object_detection.heads.registry'])"
    )

    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
