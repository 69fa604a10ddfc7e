from datetime import UTC, datetime

import pytest

from modules.storage.version import Version

ANSWER = {"ETag": '"abc"', "LastModified": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)}


@pytest.mark.parametrize(
    ("version_id", "expected"),
    [({}, None), ({"VersionId": "null"}, None), ({"VersionId": "v"}, "v")],
)
def test_a_version_is_read_from_an_answer_of_s3(
    version_id: dict[str, str], expected: str | None
) -> None:
    version = Version.from_answer({**ANSWER, **version_id})

    assert version == Version("abc", "2026-01-02T03:04:05+00:00", expected)
