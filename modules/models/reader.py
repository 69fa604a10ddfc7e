"""Reads a model folder's files, each once, and computes their digests; see `ModelReader`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..errors import ModelError
from ..storage.errors import storage_errors
from .folder import ByteStream, ModelFolder
from .manifest import MANIFEST, format_manifest, read_manifest
from .suffixes import DESCRIPTION, READ_SUFFIXES
from .text import decode_text, refuse_nul_bytes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..object_detection.model_description import Description
    from ..object_detection.onnx.external_data import Contents

_MAX_TEXT_BYTES = 1_000_000  # of a .cfg, .names or .tree; the longest known has 133,000
_MAX_ONNX_BYTES = (1 << 31) - 1  # the limit of Protocol Buffers
_CHUNK_BYTES = 1 << 20


@contextmanager
def model_errors(subject: str) -> Iterator[None]:
    """Puts `subject`, the name of a model or a file, in front of each ModelError's message."""
    try:
        yield
    except ModelError as error:
        raise ModelError(f"{subject}: {error}") from error


def is_read(name: str) -> bool:
    """Tells by a file's name whether loading a model folder may read the file."""
    return name in (MANIFEST, DESCRIPTION) or name.endswith(READ_SUFFIXES)


class HashingStream:
    """Reads from another stream and computes the SHA-256 of the bytes."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self.sha256 = hashlib.sha256()

    def readinto(self, buffer: memoryview, /) -> int:
        """Fills the beginning of the buffer; returns the number of bytes, 0 at the end."""
        count = self._stream.readinto(buffer) or 0
        self.sha256.update(buffer[:count])
        return count


class _LimitedStream:
    """Reads from another stream, up to a number of bytes."""

    def __init__(self, stream: HashingStream, name: str, most: int, advice: str) -> None:
        """Wraps the stream of the file `name`; advice: the end of the error's message."""
        self._stream = stream
        self._name = name
        self._most = most
        self._left = most
        self._advice = advice

    def readinto(self, buffer: memoryview, /) -> int:
        """Fills the beginning of the buffer; returns the number of bytes, 0 at the end.

        Raises:
            ModelError: there are more bytes than allowed.
        """
        count = self._stream.readinto(buffer)
        self._left -= count
        if self._left < 0:
            raise ModelError(f"{self._name} is larger than {self._most:,} bytes; {self._advice}")
        return count


class ModelReader:
    """Reads the files of one model folder.

    names: of the files that belong to the model, sorted.
    """

    def __init__(self, folder: ModelFolder, listing: Mapping[str, str]) -> None:
        """Reads the folder's manifest, which selects the model's files from the listing.

        Raises:
            ModelError: the manifest is malformed, or a file that it lists is missing.
            StorageError: S3 fails.
        """
        self._folder = folder
        self._manifest = read_manifest(folder, listing)
        self.names = sorted(self._manifest.select(listing))
        self._digests: dict[str, str] = {}

    @property
    def has_manifest(self) -> bool:
        """Whether the folder has a manifest, so that `check` verifies its files."""
        return self._manifest.digests is not None

    def find(self, *suffixes: str) -> str | None:
        """Returns the name of the only file with the first suffix that any file has, or None.

        Raises:
            ModelError: several files have this suffix.
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
        """Returns the same name as `find`, but there must be one.

        Raises:
            ModelError: no file has one of the suffixes, or several files have the same.
        """
        found = self.find(*suffixes)
        if found is None:
            wanted = " or ".join(f"*{suffix}" for suffix in suffixes)
            raise ModelError(f"it has no {wanted}; in it: {', '.join(self.names) or 'nothing'}")
        return found

    def is_onnx(self) -> bool:
        """Returns whether the network is an ONNX file; if not, it must be Darknet's.

        Raises:
            ModelError: the folder has both, or several ONNX files.
        """
        if self.find(".onnx") is None:
            return False
        self.require_one_network(self.find(".cfg"))
        return True

    def require_one_network(self, other: str | None) -> None:
        """Refuses a folder with an ONNX file and `other`, a file of a second network, if any.

        Raises:
            ModelError: there is one.
        """
        if other:
            raise ModelError(f"it has an *.onnx and {other}; it must have one network")

    def description(self) -> Description | None:
        """Reads the folder's `model.json`; None where there is none.

        Raises:
            ModelError: the file is malformed.
        """
        if DESCRIPTION not in self.names:
            return None
        from ..object_detection.model_description import parse_description

        return parse_description(self.text(DESCRIPTION))

    def text(self, name: str) -> str:
        """Reads a text file, without a byte order mark.

        Raises:
            ModelError: the file is not UTF-8, or far too large.
        """
        text = decode_text(self._text_bytes(name), name)
        refuse_nul_bytes(text, name)
        return text

    def cfg(self, name: str) -> str:
        """Reads a Darknet `.cfg` without its comments, which may be in any encoding.

        Raises:
            ModelError: the rest is not UTF-8, or the file is far too large.
        """
        from ..object_detection.darknet.cfg import remove_comments

        return decode_text(remove_comments(self._text_bytes(name)), name)

    def onnx(self, name: str) -> NDArray[np.uint8]:
        """Reads an ONNX file, `(bytes,) uint8`: into a file in memory, if the system has them.

        Raises:
            ModelError: the file is larger than an ONNX file can be.
        """
        import numpy as np  # only after the files were requested; see `ModelStore.prefetch`

        from ..object_detection.onnx.memory_file import MemoryFile, has_memory_files

        advice = "an ONNX file cannot be"
        if not has_memory_files():
            return np.frombuffer(self._read(name, _MAX_ONNX_BYTES, advice), np.uint8)
        with self.stream(name) as stream:
            limited = _LimitedStream(stream, name, _MAX_ONNX_BYTES, advice)
            return np.frombuffer(MemoryFile.filled("onnx", limited), np.uint8)

    def external(self, name: str) -> Contents:
        """Reads a file with weights of an ONNX file: into a file in memory, if the system has them.

        Raises:
            ModelError: the folder does not have the file, or has a link to a file elsewhere.
        """
        from ..object_detection.onnx.memory_file import MemoryFile, has_memory_files

        if name not in self.names:
            raise ModelError(
                f"its weights are in {name}, which is missing; put that file, which the exporter "
                f"wrote with it, into the same folder; in it: {', '.join(self.names)}"
            )
        if not self._folder.holds(name):
            raise ModelError(
                f"its weights are in {name}, a link to a file outside of the folder; put the file "
                "itself into the folder"
            )
        if not has_memory_files():
            return self._read(name, _MAX_ONNX_BYTES, "only Linux can have larger ones")
        with self.stream(name) as stream:
            return MemoryFile.filled("weights", stream)

    @contextmanager
    def stream(self, name: str) -> Iterator[HashingStream]:
        """Opens a file as a stream; the caller must read it to the end."""
        reading = storage_errors(f"reading the model {self._folder.location}{name}")
        with self._folder.open(name) as stream, reading:
            hashing = HashingStream(stream)
            yield hashing
            self._digests[name] = hashing.sha256.hexdigest()

    def check(self) -> None:
        """Compares the files that have been read with the manifest.

        Raises:
            ModelError: a file differs from the one that the manifest lists.
        """
        self._manifest.check(self._digests)

    def digest(self) -> str:
        """Returns "sha256:..." of what `sha256sum` prints for the files read, sorted by name."""
        return "sha256:" + hashlib.sha256(format_manifest(self._digests)).hexdigest()

    def _text_bytes(self, name: str) -> bytes:
        return bytes(self._read(name, _MAX_TEXT_BYTES, "is it a text file?"))

    def _read(self, name: str, max_bytes: int, advice: str) -> bytearray:
        """Reads a whole file into one buffer that grows with the bytes that arrive."""
        data = bytearray()
        chunk = memoryview(bytearray(_CHUNK_BYTES))
        with self.stream(name) as stream:
            limited = _LimitedStream(stream, name, max_bytes, advice)
            while count := limited.readinto(chunk):
                data += chunk[:count]
        return data
