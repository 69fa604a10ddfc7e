"""Finds models by name, and sample images, for the commands that run on this machine.

The model `fruits` and images for it come with the project. Other models are looked up in the folder
that SHARED_DATA names, then among the downloaded ones, and are then downloaded from the zoo.
"""

from __future__ import annotations

import difflib
import os
from pathlib import Path

from ..errors import UsageError
from ..models.zoo.catalogue import DETECTORS, MODELS
from ..models.zoo.fetch import pull
from ..models.zoo.model import RemoteFile, ZooModel
from ..object_detection.darknet.cfg import parse_cfg
from .transfer import transfer_bars

CACHE = Path(".cache", "models")
_DEMO = Path(__file__).parent.parent.parent / "demo"
OWN_MODEL = "fruits"
NAMES = ", ".join([OWN_MODEL, *(name for name, model in DETECTORS.items() if model.files)])
_HOW_TO_EXPORT = "docs/models.md, Exporting a network of the zoo"


def find_model(model: str) -> Path:
    """Returns the folder of a detector; downloads a model of the zoo if need be.

    Args:
        model: a folder, or the name of our own model or of a detector of the zoo.

    Raises:
        UsageError: `model` is neither.
        DownloadError: the model cannot be downloaded.
    """
    if Path(model).is_dir():
        return Path(model).resolve()
    if model == OWN_MODEL:
        return _DEMO / OWN_MODEL
    if model in MODELS and model not in DETECTORS:
        raise UsageError(
            f"{model}: a {MODELS[model].family} model, which finds no objects; "
            f"detectors are {NAMES}"
        )
    if model not in MODELS:
        raise UsageError(f"{model}: neither a folder nor one of {NAMES}")
    return find_copy(MODELS[model]) or fetch(require_files(MODELS[model]), CACHE)


def require_files(model: ZooModel) -> ZooModel:
    """Returns the model if it can be downloaded.

    Raises:
        UsageError: it cannot.
    """
    if not model.files:
        raise UsageError(
            f"{model.name} cannot be downloaded: no public ONNX file of it can be checked. "
            f"{_HOW_TO_EXPORT}, says how to make it; put the ONNX file into {CACHE / model.name}"
        )
    return model


def find_batch_model(model: str) -> str:
    """Returns the location of a model for a batch job.

    A path, or an address that Spark reads, is returned as it is. For the name of a model, returns
    the model's folder, and downloads it if need be.
    """
    if Path(model).exists() or model not in {OWN_MODEL, *MODELS}:
        return model
    known = own_model() if model == OWN_MODEL else MODELS[model]
    return str(find_copy(known) or fetch(require_files(known), CACHE))


def zoo_model(name: str) -> ZooModel:
    """Returns the zoo's model with this name.

    Raises:
        UsageError: the zoo has no such model.
    """
    if name == OWN_MODEL:
        raise UsageError(f"{name} comes with the project, in {_DEMO / OWN_MODEL}")
    if name not in MODELS:
        near = difflib.get_close_matches(name, MODELS, n=1)
        hint = f"did you mean {near[0]}? T" if near else "t"
        raise UsageError(f"there is no model '{name}'; {hint}here are {', '.join(MODELS)}")
    return MODELS[name]


def own_model() -> ZooModel:
    """Returns the facts about the model that comes with the project."""
    folder = _DEMO / OWN_MODEL
    net, _ = parse_cfg((folder / f"{OWN_MODEL}.cfg").read_text())
    files = (RemoteFile(path.name, "", "", path.stat().st_size) for path in folder.iterdir())
    size = net.integer("width"), net.integer("height")
    return ZooModel(OWN_MODEL, "YOLOv3", size, "this project's", tuple(files))


def find_copy(model: ZooModel) -> Path | None:
    """Returns a folder of this machine that has the model's files, or None."""
    if model.name == OWN_MODEL:
        return _DEMO / OWN_MODEL
    shared = _shared("models", model.name)
    if shared and model.is_named_in(shared):  # the user's own folder, whatever export it has
        return shared
    return CACHE / model.name if model.is_in(CACHE / model.name) else None


def fetch(model: ZooModel, folder: Path) -> Path:
    """Downloads a model into `folder` with progress bars; returns the model's folder."""
    from rich.console import Console

    console = Console(stderr=True)

    def note(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    with transfer_bars({file.name: file.size for file in model.files}, console) as show:
        return pull(
            model, folder, note=note, progress=lambda name, done, _: show(name, completed=done)
        )


def sample_images(model: Path) -> list[Path]:
    """Returns images for a model: markets for our own model, streets and photos for others."""
    if model == _DEMO / OWN_MODEL:
        return sorted(_DEMO.glob("market-*.jpg"))
    return [_DEMO / "street.jpg", *filter(None, [_shared("photos")])]


def _shared(*path: str) -> Path | None:
    root = os.environ.get("SHARED_DATA")
    folder = Path(root, *path) if root else None
    return folder if folder and folder.is_dir() else None
