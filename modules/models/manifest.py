"""A model folder's seal, `SHA256SUMS`; start at `read_manifest`.

The seal is what `sha256sum` prints of the model's files. Where there is one, only files that it
lists count, each only with the content that it says, so that a folder that is being changed is
either whole or refused. `python -m modules models push` writes it; a folder without one is taken
as it is.
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
_MAX_BYTES = 100_000  # a hundred files' lines are a tenth of that


@dataclass(frozen=True)
class Manifest:
    """The SHA-256 of a model's files, in hexadecimal, by name; None where there is no seal."""

    digests: Mapping[str, str] | None

    def select(self, files: Mapping[str, str]) -> Mapping[str, str]:
        """Of a folder's listing, what the seal lists.

        Raises:
            ModelError: something of it is not there.
        """
        if self.digests is None:
            return files
        for name in self.digests:
            if name not in files:
                raise ModelError(f"{MANIFEST} lists {name}, which is not there; push the model again")
        return {name: files[name] for name in self.digests}

    def check(self, digests: Mapping[str, str]) -> None:
        """Compares what was read of selected files, SHA-256 by name.

        Raises:
            ModelError: one was not the file that the seal lists.
        """
        if self.digests is None:
            return
        for name, digest in digests.items():
            if digest != self.digests[name]:
                raise ModelError(
                    f"{name} is not the file that {MANIFEST} lists: the folder is being changed, or "
                    f"was changed by hand; push the model again, or delete {MANIFEST}"
                )


def read_manifest(folder: ModelFolder, files: Mapping[str, str]) -> Manifest:
    """Reads the seal of a folder with the listing `files`, if there is one.

    Raises:
        ModelError: it is malformed.
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
                "SHA-256, two spaces, and the name of a file beside it"
            )
        digests[match[2]] = match[1]
    return Manifest(digests)


def format_manifest(digests: Mapping[str, str]) -> bytes:
    """The seal of files, given their SHA-256 in hexadecimal by their names."""
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items())).encode()
