"""List, download, upload, package, inspect, convert, compare and quantise models."""

from __future__ import annotations

import argparse
import importlib
import sys
import types

from ...errors import PermanentError, TransientError
from ..actions import add_actions

ACTIONS = {
    "list": "list the models that can be downloaded by name",
    "pull": "download a model",
    "push": "upload a model folder to a bucket",
    "bundle": "put a model into the package of the next deployment",
    "inspect": "print what a model folder contains, and what is wrong with it",
    "convert": "write a Darknet model as one ONNX file",
    "compare": "show where two models differ on your pictures",
    "quantize": "write a model that computes with integers of 8 bits, if it is worth it",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the actions to `parser`.

    Each action is a module of this package with `EXAMPLE`, `add_arguments` and `run`.
    """
    add_actions(parser, "action", ACTIONS, _module)


def run(arguments: argparse.Namespace) -> int:
    """Runs the action; returns its exit code. If it fails, prints the reason and returns 1."""
    try:
        return int(_module(arguments.action).run(arguments))
    except BrokenPipeError:
        raise
    except (PermanentError, TransientError, OSError) as error:
        print(f"python -m modules models {arguments.action}: {error}", file=sys.stderr)
        return 1


def _module(action: str) -> types.ModuleType:
    return importlib.import_module(f".{action}", __package__)
