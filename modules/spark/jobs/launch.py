"""Starts a job in a Spark session, and declares the arguments that jobs share; see `run_job`."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import types
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...errors import JobFailedError, PermanentError, SettingsError, TransientError
from ...settings import Settings

if TYPE_CHECKING:
    from rich.console import Console


def find_job(name: str) -> types.ModuleType:
    """Imports the module of a job in `JOBS`."""
    return importlib.import_module(f".{name}", __package__)


def run_job(name: str, arguments: argparse.Namespace) -> int:
    """Opens a Spark session and runs a job in it; returns the exit code.

    Raises:
        JobError: Spark cannot start, or the job's input or output cannot be used.
        JobFailedError: Spark gave up on the job.
        SettingsError: a setting has a value that cannot work.
    """
    # Imported here, so that --help works where neither Spark nor Arrow is installed
    from rich.console import Console

    from ..session.session import open_session

    job = find_job(name)
    if "input" in arguments:  # the jobs over images: report a bad setting before Spark starts
        read_settings(arguments)
    paths = [getattr(arguments, path) for path in job.PATHS]
    with open_session(name, paths, arguments.master) as spark:
        return int(job.run(spark, arguments, Console(stderr=True)))


def main(name: str, arguments: Sequence[str] | None = None) -> int:
    """Runs a job for `spark-submit`; returns the same exit codes as `python -m modules batch`."""
    job = find_job(name)
    parser = argparse.ArgumentParser(prog=f"{name}.py", description=job.__doc__)
    job.add_arguments(parser)
    try:
        return run_job(name, parser.parse_args(arguments))
    except (PermanentError, TransientError, SettingsError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1 if isinstance(error, JobFailedError) else 2


def read_settings(arguments: argparse.Namespace) -> Settings:
    """Reads the settings from the environment; a job's own options override them.

    Raises:
        SettingsError: a setting has a value that cannot work.
    """
    return Settings.from_arguments(os.environ, arguments)


def add_common_arguments(parser: argparse.ArgumentParser, output: str) -> None:
    """Declares the arguments of every job; `output` is the help for `--output`."""
    parser.add_argument("--output", required=True, metavar="OUT", help=output)
    parser.add_argument(
        "--master",
        default="local[*]",
        metavar="URL",
        help="where to run, unless a platform has started Spark already (default: %(default)s, "
        "all cores of this machine; local[2] for two)",
    )


def add_image_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of every job over images."""
    parser.add_argument(
        "input",
        metavar="INPUT",
        help="a folder, prefix or pattern in any of Spark's file systems: photos, "
        "s3a://bucket/input/, hdfs:, dbfs:; folders are searched to any depth",
    )


def print_line(console: Console, text: str, style: str | None = None) -> None:
    """Prints one line as it is: without rich's markup, highlighting and line breaks."""
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)
