"""Reads, checks and formats a model folder's manifest, `SHA256SUMS`; start at `read_manifest`.

The manifest is what `sha256sum` prints for the model's files. If a folder has one, only files that
it lists belong to the model, and each must have the listed content. A folder that is being changed
is therefore either complete or refused. `python -m modules models push` writes the manifest.
Without one, all files of the folder count as they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import ModelError
from ..storage.errors import storage_errors
from .folder import ModelFolder

MANIFEST = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64}) [ *]([^/\n]+)")
_MAX_BYTES = 100_000  # ten times the lines of a hundred files


@dataclass(frozen=True)
class Manifest:
    """The SHA-256 of each of a model's files, in hexadecimal, by name.

    digests: None where the folder has no manifest.
    """

    digests: Mapping[str, str] | None

    def select(self, files: Mapping[str, str]) -> Mapping[str, str]:
        """Returns the part of a folder's listing that the manifest lists.

        Raises:
            ModelError: a listed file is missing.
        """
        if self.digests is None:
            return files
        for name in self.digests:
            if name not in files:
                raise ModelError(
                    f"{MANIFEST} lists {name}, which is not there; push the model again"
                )
        return {name: files[name] for name in self.digests}

    def check(self, digests: Mapping[str, str]) -> None:
        """Compares the SHA-256 of the files that were read, by name, with the manifest's.

        Raises:
            ModelError: a file differs from the one that the manifest lists.
        """
        if self.digests is None:
            return
        for name, digest in digests.items():
            if digest != self.digests[name]:
                raise ModelError(
                    f"{name} is not the file that {MANIFEST} lists: the folder is being changed, "
                    f"or was changed by hand; push the model again, or delete {MANIFEST}"
                )


def read_manifest(folder: ModelFolder, files: Mapping[str, str]) -> Manifest:
    """Reads the manifest of a folder; `files` is the folder's listing.

    Raises:
        ModelError: the manifest is malformed.
        StorageError: S3 fails.
    """
    if MANIFEST not in files:
        return Manifest(None)
    with folder.open(MANIFEST) as stream, storage_errors(f"reading {folder.location}{MANIFEST}"):
        text = stream.read(_MAX_BYTES).decode("utf-8", "replace")
    digests = {}
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        if not match:
            raise ModelError(
                f"{MANIFEST} has a line '{line[:80]}'; it should be a "
                "SHA-256, two spaces, and the name of a file in the same folder"
            )
        digests[match[2]] = match[1]
    return Manifest(digests)


def format_manifest(digests: Mapping[str, str]) -> bytes:
    """Returns the manifest's bytes for files with these SHA-256 in hexadecimal, by name."""
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items()))
    return lines.encode("utf-8", "surrogateescape")  # the bytes of names that are no UTF-8
