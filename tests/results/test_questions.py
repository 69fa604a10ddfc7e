"""The tables and queries of docs/results.md, over real documents, in DuckDB."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from modules.errors import ImageError
from modules.results.document import (
    ModelSummary,
    Source,
    describe_failure,
    result_document,
    to_json,
)
from modules.settings import Settings
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "results.md").read_text()
STATEMENTS = re.findall(r"^```sql\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
DUCKDB_TYPES = {"string": "VARCHAR", "int": "INTEGER", "bigint": "BIGINT"}
# What was found in each picture: label and confidence
PICTURES: dict[str, list[tuple[str, float]]] = {
    "input/2026-11-26/a.jpg": [("dog", 0.9584), ("dog", 0.81), ("bicycle", 0.7)],
    "input/2026-11-26/é +\n1.jpg": [],
    "input/2026-11-27/b.heic": [("dog", 0.8), ("person", 1)],
    "input/2026-11-27/deep/c.jpg": [("person", 0.6), ("dog", 0.8001)],
}
FAILURES = {"input/x.jpg": "no image", "input/y.jpg": "no image", "input/z.jpg": "cut off"}


def tables() -> dict[str, tuple[str, str]]:
    """Returns columns and location of each table that the page creates."""
    found = {}
    for statement in STATEMENTS:
        made = re.fullmatch(
            r"CREATE EXTERNAL TABLE (\w+) \((.*)\)\nSTORED AS ION\nLOCATION '(.*)'\n",
            statement,
            re.DOTALL,
        )
        if made:
            found[made[1]] = made[2], made[3]
    return found


def queries() -> list[str]:
    return [statement for statement in STATEMENTS if statement.startswith("SELECT")]


def to_duckdb(query: str) -> str:
    """Spells a query as DuckDB wants it; these are all differences."""
    return query.replace("transform(", "array_transform(").replace("d -> ", "lambda d: ")


def read_fields(text: str) -> dict[str, str]:
    """Returns the types of Hive's fields, `name type` or `name: type`, as DuckDB's."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "<(") - (letter in ">)")
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    pairs = [re.split(r"[:\s]\s*", part.strip(), maxsplit=1) for part in parts]
    return {name: read_type(kind.strip()) for name, kind in pairs}


def read_type(text: str) -> str:
    name, _, inner = text.partition("<")
    inner = inner.removesuffix(">")
    if name == "array":
        return f"{read_type(inner)}[]"
    if name == "map":
        key, value = inner.split(",", 1)
        return f"MAP({read_type(key.strip())}, {read_type(value.strip())})"
    if name == "struct":
        fields = (f"{field} {kind}" for field, kind in read_fields(inner).items())
        return f"STRUCT({', '.join(fields)})"
    return DUCKDB_TYPES.get(name, name.upper())


def describe(key: str, found: Sequence[tuple[str, float]]) -> dict[str, Any]:
    detections = [
        {
            "class_id": 16,
            "label": label,
            "confidence": confidence,
            "box": {"x": 0.0, "y": 188.48, "width": 271.99, "height": 1048575.5},
        }
        for label, confidence in found
    ]
    return result_document(
        Source(key, "pictures", "6cd6b8a1", "3HL4"),
        size=163759,
        width=768,
        height=576,
        model=ModelSummary("yolox-nano", "sha256:0dd5dc8e", (320, 320)),
        settings=Settings(),
        detections=detections,
        timings_ms={"fetch": 8.1, "decode": 4.0},
        annotated={"key": key.replace("input/", "output/"), "media_type": "image/jpeg"},
    )


@pytest.fixture
def athena(tmp_path: Path) -> duckdb.DuckDBPyConnection:
    """DuckDB with the page's tables, over a folder that stands for the bucket."""
    documents = [(f"documents/{key[6:]}.json", describe(key, of)) for key, of in PICTURES.items()]
    failures = [
        (f"failed/{key[6:]}.json", describe_failure(Source(key, "p"), 6, ImageError(message)))
        for key, message in FAILURES.items()
    ]
    for name, document in documents + failures:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(to_json(document))
    connection = duckdb.connect()
    for name, (columns, location) in tables().items():
        files = f"{tmp_path}/{location.removeprefix('s3://BUCKET/')}**/*.json"
        columns_by_name = read_fields(columns)
        connection.read_json(files, columns=columns_by_name, format="unstructured").create(name)
    return connection


def test_the_page_has_two_tables_and_four_queries() -> None:
    assert list(tables()) == ["documents", "failures"]
    assert len(queries()) == 4
    assert len(STATEMENTS) == 6


def test_the_tables_have_what_the_documents_have(athena: duckdb.DuckDBPyConnection) -> None:
    names = ("image", "annotated", "model", "detections", "timings_ms")
    key = "input/2026-11-26/a.jpg"
    documents = athena.table("documents").filter(f"image.key = '{key}'")
    (row,) = documents.select(*names).fetchall()
    (failed,) = athena.execute(
        "SELECT image, error FROM failures WHERE image.key = 'input/z.jpg'"
    ).fetchall()

    document = describe(key, PICTURES[key])
    read = json.loads(json.dumps(dict(zip(names, row, strict=True)), default=float))
    assert read == {name: document[name] for name in names}
    expected = describe_failure(Source("input/z.jpg", "p"), 6, ImageError("cut off"))
    assert failed == (expected["image"], expected["error"])


def test_the_queries_answer_what_they_say(athena: duckdb.DuckDBPyConnection) -> None:
    classes, dogs, days, reasons = (
        athena.execute(to_duckdb(query)).fetchall() for query in queries()
    )

    assert classes == [("dog", 4), ("person", 2), ("bicycle", 1)]
    assert dogs == [("input/2026-11-26/a.jpg",), ("input/2026-11-27/deep/c.jpg",)]
    assert days == [("2026-11-26", 2, 3), ("2026-11-27", 2, 4)]
    assert reasons == [("no image", 2), ("cut off", 1)]
