"""List, fetch, upload, inspect and convert models."""

from __future__ import annotations

import argparse
import importlib
import sys
import types

from ...errors import PermanentError, TransientError
from ..actions import add_actions

ACTIONS = {
    "list": "the models that can be fetched by name",
    "pull": "fetch a model",
    "push": "upload a model folder to a bucket",
    "inspect": "say what a model folder holds, and what is wrong with it",
    "convert": "write a Darknet model as one ONNX file",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the actions, each a module here with `EXAMPLE`, `add_arguments` and `run`."""
    add_actions(parser, "action", ACTIONS, _module)


def run(arguments: argparse.Namespace) -> int:
    """Runs the action; returns 1, the reason on standard error, where it failed."""
    try:
        return int(_module(arguments.action).run(arguments))
    except BrokenPipeError:
        raise
    except (PermanentError, TransientError, OSError) as error:
        print(f"python -m modules models {arguments.action}: {error}", file=sys.stderr)
        return 1


def _module(action: str) -> types.ModuleType:
    return importlib.import_module(f".{action}", __package__)
