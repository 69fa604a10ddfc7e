"""Reads a model folder's files, each once, and takes their digests; see `ModelReader`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..errors import ModelError
from ..storage.errors import storage_errors
from .folder import ByteStream, ModelFolder
from .manifest import MANIFEST, read_manifest, format_manifest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..object_detection.model_description import Description

_DESCRIPTION = "model.json"
_SUFFIXES = (".cfg", ".weights", ".onnx", ".names", ".txt", ".tree")
_MAX_TEXT_BYTES = 1_000_000  # of a .cfg, .names or .tree; the longest known has 133,000
_MAX_ONNX_BYTES = (1 << 31) - 1  # Protocol Buffers' own limit
_CHUNK = 1 << 20


@contextmanager
def errors_of(what: str) -> Iterator[None]:
    """Has each ModelError begin with what it is about."""
    try:
        yield
    except ModelError as error:
        raise ModelError(f"{what}: {error}") from error


def is_read(name: str) -> bool:
    """Whether a model folder's file is likely to be read, by its name."""
    return name in (MANIFEST, _DESCRIPTION) or name.endswith(_SUFFIXES)


class HashingStream:
    """Passes a stream on, taking its SHA-256 on the way."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self.sha256 = hashlib.sha256()

    def readinto(self, buffer: memoryview, /) -> int:
        """As `ByteStream.readinto`."""
        count = self._stream.readinto(buffer) or 0
        self.sha256.update(buffer[:count])
        return count


class ModelReader:
    """One reading of a model folder.

    names: of the files that count, sorted.
    """

    def __init__(self, folder: ModelFolder, listing: Mapping[str, str]) -> None:
        """Begins with the folder's seal, which says which files of the listing count.

        Raises:
            ModelError: the seal is malformed, or lists what is not there.
            StorageError: S3 fails.
        """
        self._folder = folder
        self._manifest = read_manifest(folder, listing)
        self.names = sorted(self._manifest.select(listing))
        self._digests: dict[str, str] = {}

    @property
    def has_manifest(self) -> bool:
        """Whether a seal says what the files must be."""
        return self._manifest.digests is not None

    def find(self, *suffixes: str) -> str | None:
        """The one file with a suffix, if there is one; an earlier suffix goes before a later.

        Raises:
            ModelError: there are several.
        """
        for suffix in suffixes:
            found = [name for name in self.names if name.endswith(suffix)]
            if len(found) > 1:
                raise ModelError(
                    f"it has {len(found)} files *{suffix} ({', '.join(found)}); it must have one"
                )
            if found:
                return found[0]
        return None

    def only(self, *suffixes: str) -> str:
        """As `find`, but there must be one.

        Raises:
            ModelError: there is none, or there are several.
        """
        found = self.find(*suffixes)
        if found is None:
            wanted = " or ".join(f"*{suffix}" for suffix in suffixes)
            raise ModelError(f"it has no {wanted}; in it: {', '.join(self.names) or 'nothing'}")
        return found

    def is_onnx(self) -> bool:
        """Whether the folder's network is an ONNX file; if not, it is Darknet's.

        Raises:
            ModelError: it has both, or several.
        """
        if self.find(".onnx") is None:
            return False
        if other := self.find(".cfg", ".weights"):
            raise ModelError(f"it has an *.onnx and {other}; it must have one network")
        return True

    def description(self) -> Description | None:
        """The folder's `model.json`, if it has one.

        Raises:
            ModelError: it is malformed.
        """
        if _DESCRIPTION not in self.names:
            return None
        from ..object_detection.model_description import parse_description

        return parse_description(self.text(_DESCRIPTION))

    def text(self, name: str) -> str:
        """A file's text.

        Raises:
            ModelError: it is no text, or far too much.
        """
        data = self._read(name, _MAX_TEXT_BYTES, "is it a text file?")
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            raise ModelError(f"{name} is not a text file in UTF-8") from None

    def onnx(self, name: str) -> NDArray[np.uint8]:
        """A file's bytes, `(bytes,) uint8`, in one buffer.

        Raises:
            ModelError: it is larger than ONNX can be.
        """
        import numpy as np  # not before the files are on their way; see `ModelStore.prefetch`

        return np.frombuffer(self._read(name, _MAX_ONNX_BYTES, "an ONNX file cannot be"), np.uint8)

    @contextmanager
    def stream(self, name: str) -> Iterator[HashingStream]:
        """A file as a stream, to be read to its end."""
        reading = storage_errors(f"reading the model {self._folder.location}{name}")
        with self._folder.open(name) as stream, reading:
            hashing = HashingStream(stream)
            yield hashing
            self._digests[name] = hashing.sha256.hexdigest()

    def check(self) -> None:
        """Compares what has been read with the seal.

        Raises:
            ModelError: a file was not the one that the seal lists.
        """
        self._manifest.check(self._digests)

    def digest(self) -> str:
        """The digest of the listing that `sha256sum` prints of what has been read, by name."""
        return "sha256:" + hashlib.sha256(format_manifest(self._digests)).hexdigest()

    def _read(self, name: str, most: int, advice: str) -> bytearray:
        """The whole of a file, in one buffer that grows as it comes."""
        data = bytearray()
        chunk = memoryview(bytearray(_CHUNK))
        with self.stream(name) as stream:
            while count := stream.readinto(chunk):
                data += chunk[:count]
                if len(data) > most:
                    raise ModelError(f"{name} is larger than {most:,} bytes; {advice}")
        return data
