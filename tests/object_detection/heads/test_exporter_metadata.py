import pytest

from modules.object_detection.heads.evidence import Level
from modules.object_detection.heads.exporter_metadata import list_evidence, literal


@pytest.mark.parametrize(
    ("metadata", "speaks_for"),
    [
        ({"end2end": "True"}, [True]),
        ({"end2end": "True", "args": "{'batch': 1, 'nms': False}"}, [True]),
        ({"end2end": "False", "args": "{'batch': 1, 'nms': True}"}, [True]),
        ({"args": "{'nms': True}"}, [True]),
        ({"end2end": "False", "args": "{'batch': 1, 'nms': False}"}, [False]),
        ({"end2end": "False", "args": "{'batch': 1}"}, [False]),
        ({"args": "{'nms': False}"}, []),
        ({"end2end": "yes", "args": "nms"}, []),
        ({"author": "Ultralytics", "task": "detect"}, []),
        ({}, []),
    ],
)
def test_the_metadata_state_whether_the_network_suppresses_boxes(
    metadata: dict[str, str], speaks_for: list[bool]
) -> None:
    evidence = list_evidence(metadata)

    assert [item.speaks_for for item in evidence] == speaks_for
    assert all(item.level == Level.METADATA for item in evidence)


@pytest.mark.parametrize("text", ["{", "f()", "[" * 1000, "\0"])
def test_a_value_that_is_no_literal_is_none(text: str) -> None:
    assert literal({"args": text}, "args") is None
