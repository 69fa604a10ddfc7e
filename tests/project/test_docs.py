"""Links of the documentation lead somewhere; for its commands see test_recipes.py."""

import re
from pathlib import Path

import pytest

from tests.project.recipes import PAGES


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        assert target.startswith("https://") or (page.parent / target).exists(), target
