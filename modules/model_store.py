"""A model folder (local or S3) -> a ready `Model`, kept warm, refreshed; start at `ModelStore`.

A model folder holds `*.cfg` and `*.weights`, one of each, and `*.names` (or `*.txt`), one class a
line. `load_model` reads one; `ModelStore` keeps the last good one of a place in a bucket.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self, cast

from .bucket import ObjectGoneError, storage_errors
from .object_detection.darknet import WeightsStream, import_darknet
from .object_detection.detector import Detector
from .object_detection.errors import ModelError, TransientError
from .settings import Settings, SettingsError
from .telemetry import count, logger

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

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


class ByteStream(Protocol):
    """A file being read."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes more."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """As `WeightsStream`."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: Any, error: Any, traceback: Any, /) -> None: ...


class ModelFolder(Protocol):
    """Where a model's files lie."""

    @property
    def name(self) -> str:
        """The folder's own name: the model's."""

    @property
    def location(self) -> str:
        """The folder as a person would write it."""

    def files(self) -> dict[str, str]:
        """The files' names, each with a mark that changes when the file does."""

    def open(self, name: str) -> ByteStream:
        """A stream of one file."""


class LocalFolder:
    """A model folder on this machine."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name = path.resolve().name
        self.location = str(path)

    def files(self) -> dict[str, str]:
        """See `ModelFolder`."""
        if not self._path.is_dir():
            raise ModelError(f"{self.location}: there is no such folder")
        stats = {path.name: path.stat() for path in self._path.iterdir() if path.is_file()}
        return {name: f"{stat.st_size}-{stat.st_mtime_ns}" for name, stat in stats.items()}

    def open(self, name: str) -> ByteStream:
        """See `ModelFolder`."""
        return (self._path / name).open("rb", buffering=0)


class S3Folder:
    """A model folder in a bucket."""

    def __init__(self, client: S3Client, bucket: str, prefix: str) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix.strip("/") + "/"
        self.name = self._prefix.rstrip("/").rpartition("/")[2]
        self.location = f"s3://{bucket}/{self._prefix}"
        self._etags: dict[str, str] = {}

    def files(self) -> dict[str, str]:
        """See `ModelFolder`; one request."""
        with storage_errors(f"listing the model {self.location}"):
            answer = self._client.list_objects_v2(
                Bucket=self._bucket, Prefix=self._prefix, Delimiter="/"
            )
        self._etags = {
            item["Key"].removeprefix(self._prefix): item["ETag"]
            for item in answer.get("Contents", ())
            if item["Key"] != self._prefix  # what consoles make when asked for an empty folder
        }
        return dict(self._etags)

    def open(self, name: str) -> ByteStream:
        """See `ModelFolder`; only the very file that `files` saw, so that two models never mix."""
        try:
            with storage_errors(f"reading the model {self.location}{name}"):
                answer = self._client.get_object(
                    Bucket=self._bucket, Key=self._prefix + name, IfMatch=self._etags[name]
                )
        except ObjectGoneError as error:  # permanent for an image, but not for a model
            raise ModelError(str(error)) from error
        return cast(ByteStream, answer["Body"])


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
    digest = _digest(
        {
            cfg_name: hashlib.sha256(cfg.encode()).hexdigest(),
            labels_name: hashlib.sha256(label_text.encode()).hexdigest(),
            weights_name: weights.sha256.hexdigest(),
        }
    )
    detector = Detector(network, engine=settings.engine, letterbox=settings.letterbox)
    return Model(folder.name, digest, labels, detector, _class_ids(settings.classes, labels))


class ModelStore:
    """Keeps one model a place warm, and asks at most once a TTL whether its files changed.

    A changed model is swapped in only when it has loaded; one that does not load is logged, and
    the one before serves on.
    """

    def __init__(
        self, client: S3Client, settings: Settings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._settings = settings
        self._clock = clock
        self._kept: dict[str, _Kept] = {}

    def model_for(self, bucket: str) -> Model:
        """The model that images of `bucket` are to be run through.

        Raises:
            ModelError: there is none, and none from before either.
            StorageError: S3 fails, and there is none from before.
            SettingsError: CLASSES names a class that the model does not know.
        """
        folder = self._folder(bucket)
        kept = self._kept.get(folder.location)
        if kept is None:
            files = folder.files()
            kept = _Kept(load_model(folder, self._settings, files), files, self._clock())
            self._kept[folder.location] = kept
            logger.info("model loaded", model=kept.model.name, digest=kept.model.digest)
        elif self._clock() - kept.checked_at >= self._settings.model_ttl_seconds:
            self._refresh(folder, kept)
        return kept.model

    def expire(self) -> None:
        """Has the next image ask whether the models changed, whenever they were asked last."""
        for kept in self._kept.values():
            kept.checked_at = -math.inf

    def _refresh(self, folder: ModelFolder, kept: _Kept) -> None:
        kept.checked_at = self._clock()
        try:
            files = folder.files()
            if files == kept.files:
                return
            kept.model = load_model(folder, self._settings, files)
            kept.files = files
            count("ModelSwaps")
            logger.info("model changed", model=kept.model.name, digest=kept.model.digest)
        except (TransientError, SettingsError) as error:
            count("ModelRejections")
            logger.error("model not changed; the one before serves on", error=str(error))

    def _folder(self, bucket: str) -> ModelFolder:
        place = self._settings.model
        if place.startswith("s3://"):
            bucket, _, place = place.removeprefix("s3://").partition("/")
        return S3Folder(self._client, bucket, place)


@dataclass
class _Kept:
    model: Model
    files: dict[str, str]
    checked_at: float


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
