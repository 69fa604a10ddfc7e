"""docs/deployment.md and docs/operations.md agree with serverless.yml."""

import re
from collections.abc import Callable

from tests.conftest import ROOT
from tests.deployment.conftest import PACKAGES
from tests.deployment.framework import Package
from tests.deployment.test_refusals import DEFAULTS

PAGE = (ROOT / "docs" / "deployment.md").read_text()
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()


def rows(header: str) -> list[list[str]]:
    """Returns the cells of the table with this header in the first column."""
    table = re.search(rf"^\| {header} .*\n\|[-|]+\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    assert table
    lines = table[1].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_parameter_is_listed_with_its_default() -> None:
    listed = {name.strip("`"): default.strip("`") for name, default, _ in rows("parameter")}
    defaults = {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in DEFAULTS.items()
    }

    assert listed == defaults


def test_every_documented_deployment_is_packaged_by_a_test() -> None:
    shown = re.findall(r"^npx serverless deploy(.*)$", PAGE, re.MULTILINE)
    packaged = [set(arguments) for arguments in PACKAGES.values()]

    assert len(shown) >= 4
    for arguments in shown:
        assert any(set(arguments.split()) <= one for one in packaged), arguments


def test_exactly_the_deployed_alarms_are_explained(package: Callable[[str], Package]) -> None:
    packaged = package("default")
    names = {
        str(packaged.properties(alarm)["AlarmName"]).removeprefix("object-detection-dev-")
        for alarm in packaged.of_type("AWS::CloudWatch::Alarm")
    }
    explained = re.findall(r"^\| `([\w-]+)` \| (.+) \| (.+) \|$", _section("Alarms"), re.MULTILINE)

    assert {name for name, _, _ in explained} == names
    assert all(means and to_do for _, means, to_do in explained)


def _section(heading: str) -> str:
    found = re.search(rf"^## {heading}\n(.*?)(?=^## )", OPERATIONS, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]
