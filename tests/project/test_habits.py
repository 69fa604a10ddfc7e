"""The files that every project has say what is true of this one."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT

CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
CHANGELOG = (ROOT / "CHANGELOG.md").read_text()
PAGES = ["CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"]


def quoted_paths(text: str) -> set[str]:
    """Returns the paths of this repository that a page names, in backquotes."""
    top = {path.name for path in ROOT.iterdir()}
    names = re.findall(r"`([\w./-]+)`", text)
    return {name for name in names if "/" in name and name.split("/")[0] in top}


def test_the_licence_is_the_one_that_the_packages_name() -> None:
    title, *_ = (ROOT / "LICENSE").read_text().splitlines()

    package = json.loads((ROOT / "package.json").read_text())
    assert title == f"{package['license']} License"
    assert PROJECT["license"] == package["license"]
    assert PROJECT["license-files"] == ["LICENSE"]


@pytest.mark.parametrize("page", PAGES)
def test_the_paths_that_a_page_names_exist(page: str) -> None:
    for name in quoted_paths((ROOT / page).read_text()):
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize("page", PAGES)
def test_the_links_of_a_page_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)", (ROOT / page).read_text()):
        assert target.startswith("https://") or (ROOT / target).exists(), target


def test_the_make_targets_that_contributors_need_exist() -> None:
    named = set(re.findall(r"\bmake ([a-z-]+)", CONTRIBUTING))

    assert {"setup", "lint", "test", "coverage", "lock"} <= named
    assert named <= TARGETS


@pytest.mark.parametrize(
    "part", ["model family", "picture format", "event source", "task", "engine", "Spark job"]
)
def test_contributors_are_told_where_a_new_part_goes(part: str) -> None:
    assert re.search(rf"\| {part}|A new \*\*{part}\*\*", CONTRIBUTING)


def test_each_new_part_has_a_registry_that_exists() -> None:
    rows = re.findall(r"^\| (.+) \|$", CONTRIBUTING, re.MULTILINE)[1:]
    assert len(rows) >= 7

    for _, _, registry, tests in (row.split(" | ") for row in rows):
        name, path = re.findall(r"^`(\w+)`.* `([\w/.]+)`", registry)[0]
        assert re.search(rf"\b{name}\b", (ROOT / path).read_text()), registry
        assert all((ROOT / place).is_dir() for place in re.findall(r"`(tests/[\w/]+)`", tests))


def test_the_newest_release_in_the_changelog_is_the_projects_version() -> None:
    headings = re.findall(r"^## \[(.+?)\](?: - (\d{4}-\d{2}-\d{2}))?$", CHANGELOG, re.MULTILINE)

    assert headings[0] == ("Unreleased", "")
    assert headings[1][0] == PROJECT["version"]
    assert all(date for _, date in headings[1:])
    kinds = set(re.findall(r"^### (\w+)$", CHANGELOG, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_the_index_of_the_documentation_links_every_page() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}

    assert pages
    assert pages <= set(re.findall(r"^- \[.+\]\((\w+\.md)\): \S", index, re.MULTILINE))


def test_the_hooks_of_pre_commit_run_commands_that_exist() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    if not (ROOT / ".venv").exists():
        pytest.skip("the hooks use .venv, which `make setup` makes")

    (local,) = config["repos"]
    assert local["repo"] == "local"
    assert {hook["id"] for hook in local["hooks"]} == {
        "ruff-format",
        "ruff-check",
        "mypy",
        "secrets",
    }
    for hook in local["hooks"]:
        assert hook["language"] == "system"
        command, *arguments = hook["entry"].split()
        assert (ROOT / command).is_file(), command
        assert all((ROOT / part).is_file() for part in arguments if part.startswith("tests/"))


@pytest.mark.parametrize("name", ["issue_templates/Bug.md", "issue_templates/Feature.md"])
def test_issues_have_templates_with_headings_and_a_label(name: str) -> None:
    text = (ROOT / ".gitlab" / name).read_text()

    assert text.count("\n## ") >= 3
    assert re.search(r"^/label ~\w+$", text, re.MULTILINE)


def test_merge_requests_are_asked_for_tests_and_documentation() -> None:
    text = (ROOT / ".gitlab" / "merge_request_templates" / "Default.md").read_text()
    checks = re.findall(r"^- \[ \] (.+)$", text, re.MULTILINE)

    assert all(quoted_paths(check) <= {"docs/"} for check in checks)
    for word in ("make test", "test that fails", "docs/", "CHANGELOG.md"):
        assert any(word in check for check in checks), word


def test_editors_use_the_line_length_of_the_linter() -> None:
    editors = (ROOT / ".editorconfig").read_text()
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["line-length"]

    assert f"max_line_length = {linter}" in editors
    assert "[Makefile]\nindent_style = tab" in editors


def test_vulnerabilities_are_reported_in_private() -> None:
    text = (ROOT / "SECURITY.md").read_text()

    assert "Do not open a public issue" in text
    assert "untrusted input" in text
    assert "`make audit`" in text
    assert Path(ROOT / "tests" / "project" / "test_secrets.py").is_file()
