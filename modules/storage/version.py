"""Identifies one version of an object; see `Version`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True)
class Version:
    """One version of an object: writing to a key again makes another version.

    etag: without quotes. modified: ISO 8601, to the second. version_id: None where the bucket
    keeps no versions.
    """

    etag: str
    modified: str
    version_id: str | None = None

    @classmethod
    def from_answer(cls, answer: Mapping[str, Any]) -> Self:
        """Reads the version from S3's answer to GetObject or HeadObject.

        S3 reports the version id "null" for an object that was written while the bucket kept no
        versions.
        """
        version_id = answer.get("VersionId")
        return cls(
            etag=answer["ETag"].strip('"'),
            modified=answer["LastModified"].isoformat(),
            version_id=None if version_id == "null" else version_id,
        )
