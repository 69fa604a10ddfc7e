"""docs/operations.md explains what the code can say: errors, log lines, their fields, metrics."""

import ast
import importlib
import inspect
import re
from collections.abc import Iterator

import pytest

from modules.errors import PermanentError, SettingsError, TransientError
from modules.events import Verdict
from modules.telemetry.timings import Timings
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "operations.md").read_text()
# What runs on Lambda; commands speak for themselves
SOURCES = [
    ROOT / "lambda_function.py",
    *(
        path
        for path in sorted((ROOT / "modules").rglob("*.py"))
        if path.relative_to(ROOT / "modules").parts[0] not in {"cli", "batch", "__main__.py"}
    ),
]
STAGES = [stage.capitalize() for stage in Timings().milliseconds]
LEVELS = {
    "info": "info",
    "warning": "warning",
    "error": "error",
    "exception": "error",
    "critical": "critical",
}


def rows(header: str) -> list[list[str]]:
    """The cells of the table with this first column."""
    table = re.search(rf"^\| {header} .*\n\|[-|]+\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    assert table, header
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[1].splitlines()]


def calls(*names: str) -> Iterator[tuple[str, ast.Call]]:
    """Every call of a function or method with one of these names, wherever it stands."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                if name in names:
                    yield name, node


def text(node: ast.expr) -> str:
    """The text that an expression is, or begins with."""
    while isinstance(node, ast.BinOp):
        node = node.left
    assert isinstance(node, ast.Constant), ast.unparse(node)
    return str(node.value)


def error_classes() -> dict[str, type[Exception]]:
    names = (".".join(path.relative_to(ROOT).with_suffix("").parts) for path in SOURCES[1:])
    modules = [importlib.import_module(name.removesuffix(".__init__")) for name in names]
    return {
        name: value
        for module in modules
        for name, value in inspect.getmembers(module, inspect.isclass)
        if issubclass(value, PermanentError | TransientError | SettingsError)
    }


def test_every_error_is_explained_with_its_kind_and_no_other() -> None:
    classes = error_classes()
    table = {cells[0].strip("`"): cells[1:] for cells in rows("kind")}

    assert {"ImageError", "StorageError", "WeightsError"} < classes.keys()
    assert table.keys() == classes.keys()
    for name, (kind, happened, _) in table.items():
        is_permanent = issubclass(classes[name], PermanentError)
        is_transient = issubclass(classes[name], TransientError)
        assert kind == ("permanent" if is_permanent else "transient" if is_transient else ""), name
        assert happened


def test_every_log_message_is_explained_with_its_level_and_no_other() -> None:
    names = {f"logger.{method}": level for method, level in LEVELS.items()}
    logged = {(text(call.args[0]), names[name]) for name, call in calls(*names)}

    assert ("done", "info") in logged
    assert {(cells[0].strip("`"), cells[1]) for cells in rows("message")} == logged


def test_every_field_of_a_log_line_is_explained() -> None:
    given = {
        keyword.arg
        for _, call in calls(*(f"logger.{name}" for name in LEVELS), "logger.append_keys")
        for keyword in call.keywords
    }
    listed = {name for cells in rows("field") for name in re.findall(r"`(\w+)`", cells[0])}

    assert {"key", "request_id", "cold_start", "timings_ms"} <= given
    assert given <= listed


def test_every_metric_is_explained_and_no_other() -> None:
    counted = {
        text(call.args[0]) for _, call in calls("count") if isinstance(call.args[0], ast.Constant)
    }
    by_kind = {f"{text(call.args[0])}.KIND" for _, call in calls("count_kind")}
    verdicts = set(re.findall(r'Verdict\.\w+: "(\w+)"', SOURCES[0].read_text()))
    stages = {f"{stage}Ms" for stage in STAGES}
    listed = {name for cells in rows("metric") for name in re.findall(r"`([\w.]+)`", cells[0])}

    assert len(verdicts) == len(Verdict)
    assert listed == counted | by_kind | verdicts | stages


QUERIES = re.findall(r"```text\n(# .*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.splitlines()[0][2:])
def test_queries_ask_for_fields_and_messages_that_there_are(query: str) -> None:
    fields = {name for cells in rows("field") for name in re.findall(r"`(\w+)`", cells[0])}
    messages = {cells[0].strip("`") for cells in rows("message")}
    own = set(re.findall(r"\bas (\w+)", query))
    commands = {"filter", "stats", "sort", "fields", "by", "as", "asc", "desc", "in", "h"}
    functions = {"count", "sum", "latest", "pct", "bin", "strcontains"}
    asked = re.sub(r'^#.*$|"[^"]*"|@timestamp|timings_ms\.\w+|\d+h?', "", query, flags=re.MULTILINE)

    assert set(re.findall(r"[A-Za-z_]+", asked)) <= fields | own | commands | functions
    quoted = [each for each in re.findall(r'"([^"]*)"', query) if "/" not in each]
    assert set(quoted) <= messages
    for stage in re.findall(r"timings_ms\.(\w+)", query):
        assert stage.capitalize() in STAGES


def test_there_are_queries() -> None:
    assert len(QUERIES) >= 5


@pytest.mark.parametrize("anchor", sorted(set(re.findall(r"\]\(#([\w-]+)\)", PAGE))))
def test_links_within_the_page_lead_to_a_heading(anchor: str) -> None:
    headings = re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE)

    assert anchor in {heading.lower().replace(" ", "-").replace(",", "") for heading in headings}


def test_the_page_is_reached_from_the_first_one() -> None:
    assert "(docs/operations.md)" in (ROOT / "README.md").read_text()
