"""Finds out all that `models inspect` shows about a model folder; start at `inspect`."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

from ...errors import ModelError
from ...models.folder import LocalFolder
from ...models.loader import load_network
from ...models.reader import ModelReader
from ...object_detection.network import Network
from ...object_detection.onnx.external_data import external_files
from .darknet_facts import darknet_facts
from .facts import Inspection, NetworkFacts
from .footprint import measure
from .onnx_facts import onnx_facts, unused_weights


def inspect(path: Path, engine: str) -> Inspection:
    """Reads a model folder, loads the model, and measures it.

    Args:
        path: the folder's path.
        engine: a name in `ENGINE_NAMES`, or "auto".

    Raises:
        ModelError: there is no such folder.
    """
    folder = LocalFolder(path)
    listing = folder.files()
    size = sum((path / name).stat().st_size for name in listing)
    found = Inspection(path.resolve().name, str(path), size)
    try:
        reader = ModelReader(folder, listing)
    except ModelError as error:
        return replace(found, problems=(str(error),))
    try:
        network, _, engine = load_network(reader, engine)
        found = replace(found, digest=reader.digest(), labels=network.labels)
        facts = _facts(path, reader, network, engine)
    except ModelError as error:
        return replace(found, network=_facts_of_cfg_alone(reader), problems=(str(error),))
    footprint = measure(path, engine)
    problems = (*facts.problems, *_label_problems(network.labels))
    if isinstance(footprint, str):
        return replace(found, network=facts, problems=(*problems, footprint))
    return replace(found, network=facts, footprint=footprint, problems=problems)


def _facts(path: Path, reader: ModelReader, network: Network, engine: str) -> NetworkFacts:
    name = reader.find(".onnx")
    if name is None:
        return _facts_of_cfg(reader, network)
    facts, onnx = onnx_facts(network, engine), reader.onnx(name)
    sizes = {other: (path / other).stat().st_size for other in external_files(onnx)}
    return replace(facts, notes=(*facts.notes, *unused_weights(onnx, sizes)))


def _facts_of_cfg(reader: ModelReader, network: Network | None) -> NetworkFacts:
    tree = reader.find(".tree")
    cfg = reader.cfg(reader.only(".cfg"))
    return darknet_facts(cfg, network, tree=reader.text(tree) if tree else None)


def _facts_of_cfg_alone(reader: ModelReader) -> NetworkFacts | None:
    """Returns the facts from the cfg of a model that does not load; None if it has no valid cfg."""
    try:
        return _facts_of_cfg(reader, None)
    except ModelError:
        return None


def _label_problems(labels: tuple[str, ...]) -> list[str]:
    duplicates = [label for label, count in Counter(labels).items() if count > 1]
    problems = []
    if duplicates:
        problems.append(f"several classes have the name {', '.join(map(repr, duplicates))}")
    if "" in labels:
        problems.append(f"class {labels.index('')} has no name")
    return problems
