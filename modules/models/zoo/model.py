"""The facts about a public model: `ZooModel`, and the files that it is made of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FEATURES = "classifier/features"
DESCRIPTION = "model.json"


@dataclass(frozen=True)
class RemoteFile:
    """A file that can be downloaded from `folder` + `name`, or another name there.

    name: in the model's folder here. folder: the address of the file's folder, which ends with a
    slash. sha256: in hexadecimal. size: in bytes. remote_name: "" if it is `name`.
    """

    name: str
    folder: str
    sha256: str
    size: int
    remote_name: str = ""

    @property
    def address(self) -> str:
        """The file's address."""
        return self.folder + (self.remote_name or self.name)


@dataclass(frozen=True)
class ZooModel:
    """The facts about a public model, known before it is downloaded.

    input_size: (width, height) in pixels. files: what is downloaded; empty for a model that cannot
    be, and has to be exported (docs/models.md). map50_95, map50: the COCO mAP, averaged over
    overlaps of 0.5 to 0.95 and at 0.5, in percent, as its authors publish it for this input size.
    parameters: in millions. gflops: two operations for each product. milliseconds,
    milliseconds_onnxruntime: per image with OpenCV and with ONNX Runtime, measured by
    benchmarks/zoo.py. is_timed_with_random_weights: the network was built from its definition for
    that, because its weights were out of reach. description: what model.json must have, because
    the files do not tell. terms: what a user must know about the licence before the download.
    """

    name: str
    family: str
    input_size: tuple[int, int]
    licence: str
    files: tuple[RemoteFile, ...]
    map50_95: float | None = None
    map50: float | None = None
    parameters: float | None = None
    gflops: float | None = None
    milliseconds: float | None = None
    milliseconds_onnxruntime: float | None = None
    is_timed_with_random_weights: bool = False
    description: Mapping[str, Any] | None = None
    terms: str = ""

    @property
    def size(self) -> int:
        """The size of all files together, in bytes."""
        return sum(file.size for file in self.files)

    @property
    def detects(self) -> bool:
        """Whether the model finds objects; the others compute features of whole images."""
        return self.family != FEATURES

    @property
    def model_json(self) -> str | None:
        """The text of the model.json that belongs to the files; None if they need none."""
        if self.description is None:
            return None
        return json.dumps(self.description, ensure_ascii=False, indent=1) + "\n"

    def is_in(self, folder: Path) -> bool:
        """Returns whether a folder has all the model's files, with the right sizes.

        A model without files is there if the folder has an ONNX file, which somebody exported.
        """
        if not self.files:
            return any(folder.glob("*.onnx"))
        return all(
            (folder / file.name).is_file() and (folder / file.name).stat().st_size == file.size
            for file in self.files
        )

    def is_named_in(self, folder: Path) -> bool:
        """Returns whether a folder has files of these names, whatever their bytes are."""
        return self.is_in(folder) or bool(
            self.files and all((folder / file.name).is_file() for file in self.files)
        )
