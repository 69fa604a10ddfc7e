"""docs/operations.md explains every error, log message, log field and metric, and no other."""

import ast
import inspect
import re
from collections.abc import Iterator

import pytest

from modules import errors
from modules.errors import PermanentError, TransientError
from modules.events import Verdict
from modules.telemetry.timings import Timings
from tests.conftest import ROOT

EVENT_HANDLER = ROOT / "modules" / "function" / "event_handler.py"
PAGE = (ROOT / "docs" / "operations.md").read_text()
# The code that runs on Lambda; commands print their own messages
SOURCES = [
    ROOT / "lambda_function.py",
    *(
        path
        for path in sorted((ROOT / "modules").rglob("*.py"))
        if path.relative_to(ROOT / "modules").parts[0] not in {"cli", "spark", "__main__.py"}
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
    """Returns the cells of the table whose first column has this header."""
    table = re.search(rf"^\| {header} .*\n\|[-|]+\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    assert table, header
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[1].splitlines()]


def calls(*names: str) -> Iterator[tuple[str, ast.Call]]:
    """Yields every call of a function or method with one of these names."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                if name in names:
                    yield name, node


def text(node: ast.expr) -> str:
    """Returns the text of an expression, or the text that it begins with."""
    while isinstance(node, ast.BinOp):
        node = node.left
    assert isinstance(node, ast.Constant), ast.unparse(node)
    return str(node.value)


def error_classes() -> dict[str, type[Exception]]:
    return dict(inspect.getmembers(errors, inspect.isclass))


def test_every_error_class_is_in_the_errors_module() -> None:
    internal = {  # caught in their room
        "protobuf.py: MalformedError",
        "download.py: _AttemptError",
        "errors.py: S3Error",
        "obstore_answers.py: UnfitError",
        "bucket_access.py: UnknownAccessError",
    }
    elsewhere = {
        f"{path.name}: {node.name}"
        for path in (ROOT / "modules").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
        and any(ast.unparse(base).endswith(("Error", "Exception")) for base in node.bases)
        and path != ROOT / "modules" / "errors.py"
    }

    assert elsewhere == internal


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
    verdicts = set(re.findall(r'Verdict\.\w+: "(\w+)"', EVENT_HANDLER.read_text()))
    stages = {f"{stage}Ms" for stage in STAGES}
    listed = {name for cells in rows("metric") for name in re.findall(r"`([\w.]+)`", cells[0])}

    assert len(verdicts) == len(Verdict)
    assert listed == counted | by_kind | verdicts | stages


QUERIES = re.findall(r"```text\n(# .*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.splitlines()[0][2:])
def test_queries_use_only_fields_and_messages_that_exist(query: str) -> None:
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


def test_the_page_has_queries() -> None:
    assert len(QUERIES) >= 5


@pytest.mark.parametrize("anchor", sorted(set(re.findall(r"\]\(#([\w-]+)\)", PAGE))))
def test_links_within_the_page_point_to_a_heading(anchor: str) -> None:
    headings = re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE)

    assert anchor in {heading.lower().replace(" ", "-").replace(",", "") for heading in headings}


def test_the_readme_links_to_the_page() -> None:
    assert "(docs/operations.md)" in (ROOT / "README.md").read_text()
