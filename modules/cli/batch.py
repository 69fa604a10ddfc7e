"""Runs a Spark job over a whole bucket: detection, features, components or thumbnails."""

from __future__ import annotations

import argparse
import sys

from ..errors import JobFailedError
from ..spark.jobs import JOBS
from ..spark.jobs.launch import find_job, run_job
from .actions import add_actions
from .samples import find_batch_model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the jobs, each with its own arguments."""
    add_actions(parser, "job", JOBS, find_job)


def run(arguments: argparse.Namespace) -> int:
    """Runs the job; returns 1 if images, or the job, failed."""
    if getattr(arguments, "model", None) is not None:
        arguments.model = find_batch_model(arguments.model)
    try:
        return run_job(arguments.job, arguments)
    except JobFailedError as error:
        print(f"python -m modules batch {arguments.job}: {error}", file=sys.stderr)
        return 1
