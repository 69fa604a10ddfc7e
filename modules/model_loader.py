"""A model folder -> a ready `Model`; start at `load_model`.

A model folder holds `*.cfg` and `*.weights`, one of each, and `*.names` (or `*.txt`), one class a
line; `SHA256SUMS`, where there is one, says which of its files these are (model_seal.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .model_folder import ByteStream, ModelFolder
from .model_seal import read_seal
from .object_detection.darknet import WeightsStream, import_darknet
from .object_detection.detector import Detector
from .object_detection.errors import ModelError
from .settings import Settings, SettingsError
from .storage import storage_errors

_MAX_TEXT_BYTES = 1_000_000  # of a .cfg or .names; the longest cfg known has 20,000


@dataclass(frozen=True)
class Model:
    """A detector with its names.

    digest: "sha256:..." of the listing `sha256sum *.cfg *.names *.weights` prints, so that the
    same files have the same digest wherever they lie. class_ids: those that CLASSES asks for.
    """

    name: str
    digest: str
    labels: tuple[str, ...]
    detector: Detector
    class_ids: tuple[int, ...] | None = None


def load_model(
    folder: ModelFolder, settings: Settings, files: Mapping[str, str] | None = None
) -> Model:
    """Reads a model folder, whose listing may be at hand as `files`, and loads its network.

    Raises:
        ModelError: files are missing, malformed, or do not fit together.
        StorageError: S3 fails.
        SettingsError: CLASSES names a class that the model does not know.
    """
    names = folder.files() if files is None else files
    seal = read_seal(folder, names)
    names = seal.select(names)
    cfg_name = _only(folder, names, ".cfg")
    weights_name = _only(folder, names, ".weights")
    labels_name = _only(folder, names, ".names", ".txt")
    try:
        with folder.open(cfg_name) as stream:
            cfg = _read_text(stream, cfg_name)
        with folder.open(labels_name) as stream:
            label_text = _read_text(stream, labels_name)
        with folder.open(weights_name) as stream:
            weights = _HashingStream(stream)
            with storage_errors(f"reading the model {folder.location}{weights_name}"):
                network = import_darknet(cfg, weights)
    except ModelError as error:
        raise ModelError(f"the model {folder.location}: {error}") from error
    labels = _read_labels(folder, labels_name, label_text, network.classes)
    hashes = {
        cfg_name: hashlib.sha256(cfg.encode()).hexdigest(),
        labels_name: hashlib.sha256(label_text.encode()).hexdigest(),
        weights_name: weights.sha256.hexdigest(),
    }
    seal.check(hashes)
    digest = _digest(hashes)
    detector = Detector(network, engine=settings.engine, letterbox=settings.letterbox)
    return Model(folder.name, digest, labels, detector, _class_ids(settings.classes, labels))


class _HashingStream:
    """Passes a stream on, taking its SHA-256 on the way."""

    def __init__(self, stream: WeightsStream) -> None:
        self._stream = stream
        self.sha256 = hashlib.sha256()

    def readinto(self, buffer: memoryview, /) -> int:
        count = self._stream.readinto(buffer) or 0
        self.sha256.update(buffer[:count])
        return count


def _only(folder: ModelFolder, names: Mapping[str, str], *suffixes: str) -> str:
    """The one file with a suffix; an earlier suffix goes before a later."""
    for suffix in suffixes:
        found = sorted(name for name in names if name.endswith(suffix))
        if len(found) == 1:
            return found[0]
        if found:
            raise ModelError(
                f"the model {folder.location} has {len(found)} files *{suffix} "
                f"({', '.join(found)}); it must have one"
            )
    wanted = " or ".join(f"*{suffix}" for suffix in suffixes)
    there = ", ".join(sorted(names)) or "nothing"
    raise ModelError(f"the model {folder.location} has no {wanted}; in it: {there}")


def _read_text(stream: ByteStream, name: str) -> str:
    data = stream.read(_MAX_TEXT_BYTES + 1)
    if len(data) > _MAX_TEXT_BYTES:
        raise ModelError(f"{name} is larger than {_MAX_TEXT_BYTES:,} bytes; is it a text file?")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise ModelError(f"{name} is not a text file in UTF-8") from None


def _read_labels(folder: ModelFolder, name: str, text: str, classes: int) -> tuple[str, ...]:
    labels = tuple(line.strip() for line in text.removeprefix("\ufeff").strip().splitlines())
    if len(labels) != classes:
        raise ModelError(
            f"the model {folder.location}: {name} has {len(labels)} classes, one a line; "
            f"the network has {classes}"
        )
    return labels


def _class_ids(wanted: Sequence[str], labels: Sequence[str]) -> tuple[int, ...] | None:
    if not wanted:
        return None
    for label in wanted:
        if label not in labels:
            raise SettingsError(
                f"CLASSES names '{label}', which the model does not know; "
                f"its classes are {', '.join(labels)}"
            )
    return tuple(index for index, label in enumerate(labels) if label in wanted)


def _digest(hashes: dict[str, str]) -> str:
    listing = "".join(f"{value}  {name}\n" for name, value in sorted(hashes.items()))
    return "sha256:" + hashlib.sha256(listing.encode()).hexdigest()
