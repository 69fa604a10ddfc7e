"""Models at public addresses, each file known by its SHA-256; start at `pull`."""

from __future__ import annotations

import hashlib
import os
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .object_detection.errors import TransientError

_YOLO_FASTEST = (
    "https://raw.githubusercontent.com/dog-qiuqiu/Yolo-Fastest/master/ModelZoo/"
    "yolo-fastest-1.1_coco/"
)
_DARKNET = "https://raw.githubusercontent.com/AlexeyAB/darknet/master/data/"
_CHUNK = 1 << 18


class DownloadError(TransientError):
    """A file could not be had, or is not what it should be."""


@dataclass(frozen=True)
class RemoteFile:
    """A file's name, the address of the folder it lies in, and its digest."""

    name: str
    folder: str
    sha256: str


_NAMES = RemoteFile(
    "coco.names", _DARKNET, "634a1132eb33f8091d60f2c346ababe8b905ae08387037aed883953b7329af84"
)

MODELS: dict[str, tuple[RemoteFile, ...]] = {
    "yolo-fastest-1.1": (
        RemoteFile(
            "yolo-fastest-1.1.cfg",
            _YOLO_FASTEST,
            "f6df5775c1e862998cf69046eba9265be3ae84dfe8b2caab7529823f0795bf70",
        ),
        RemoteFile(
            "yolo-fastest-1.1.weights",
            _YOLO_FASTEST,
            "1c445c42bbd6df63edea2cc69f99667b5650d663ca11e34b116240740cd42890",
        ),
        _NAMES,
    ),
    "yolo-fastest-1.1-xl": (
        RemoteFile(
            "yolo-fastest-1.1-xl.cfg",
            _YOLO_FASTEST,
            "c458427acc4fbeabceff4528ef7b65b066c0308ce599460f8ba299eba63abad3",
        ),
        RemoteFile(
            "yolo-fastest-1.1-xl.weights",
            _YOLO_FASTEST,
            "fac5fb41786c1f38f04972a658443b189f48720d7d117f9a044100e98a35b0c5",
        ),
        _NAMES,
    ),
}


def pull(name: str, folder: Path, progress: Callable[[str, int], None] | None = None) -> Path:
    """Downloads a model into `folder/name`, unless its files are there; returns that path.

    MODEL_MIRROR, an address with the same folders and names, is asked instead where it is set.

    Args:
        name: one of `MODELS`.
        folder: where the model's own folder is made.
        progress: told a file's name and how many bytes more of it have come.

    Raises:
        DownloadError: a file cannot be fetched, or its digest is wrong; nothing of it is kept.
    """
    target = folder / name
    target.mkdir(parents=True, exist_ok=True)
    mirror = os.environ.get("MODEL_MIRROR", "")
    for file in MODELS[name]:
        path = target / file.name
        if path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == file.sha256:
            continue
        address = (f"{mirror.rstrip('/')}/{name}/" if mirror else file.folder) + file.name
        _download(address, path, file.sha256, progress)
    return target


def _download(
    address: str, path: Path, sha256: str, progress: Callable[[str, int], None] | None
) -> None:
    partial = path.with_name(path.name + ".part")
    digest = hashlib.sha256()
    try:
        with urllib.request.urlopen(address, timeout=30) as answer, partial.open("wb") as out:  # noqa: S310 - the addresses are ours, or the user's own mirror
            while chunk := answer.read(_CHUNK):
                digest.update(chunk)
                out.write(chunk)
                if progress:
                    progress(path.name, len(chunk))
        if digest.hexdigest() != sha256:
            raise DownloadError(
                f"{address}: its SHA-256 is {digest.hexdigest()}; it should be {sha256}"
            )
        partial.replace(path)
    except (OSError, ValueError) as error:
        raise DownloadError(f"{address}: {error}") from error
    finally:
        partial.unlink(missing_ok=True)
