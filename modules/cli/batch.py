"""Whole buckets at once, on Spark: detection, features, their principal components, thumbnails."""

from __future__ import annotations

import argparse
import importlib
import sys
import types

from ..errors import JobFailedError
from .actions import add_actions
from .samples import find_batch_model

JOBS = {
    "detect": "find objects in every image",
    "featurize": "turn every image into a network's features",
    "reduce": "standardise features, and reduce them to their principal components",
    "thumbnails": "shrink every image to a few pixels",
    "run": "featurize and reduce in one go",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the jobs, each a module of `modules.spark` with `EXAMPLE` and `add_arguments`."""
    add_actions(parser, "job", JOBS, _module)


def run(arguments: argparse.Namespace) -> int:
    """Runs the job; returns 1 where images, or the job, failed."""
    if getattr(arguments, "model", None) is not None:
        arguments.model = find_batch_model(arguments.model)
    try:
        return int(_module(arguments.job).run(arguments))
    except JobFailedError as error:
        print(f"python -m modules batch {arguments.job}: {error}", file=sys.stderr)
        return 1


def _module(job: str) -> types.ModuleType:
    return importlib.import_module(f"modules.spark.jobs.{job}")
