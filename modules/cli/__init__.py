"""The command line, `python -m modules`; start at `main`.

Each command is a module (or package) with `add_arguments` and `run`. Exit codes: 0 success, 1 some
inputs failed and are named, 2 wrong usage. Messages go to standard error, results to standard
output.
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ..errors import OutputError, PermanentError, SettingsError, TransientError, UsageError
from .printing import stdout_errors

COMMANDS = {
    "detect": "find objects in local images and folders",
    "drop": "upload pictures to a bucket, wait for the results, and show them",
    "page": "drop pictures in the browser, and look through the results of a bucket",
    "demo": "drop images into a local bucket, and show the results",
    "models": "list, fetch, upload, inspect and convert models",
    "batch": "detect, featurize, reduce and more on Spark, for whole buckets",
    "local": "run a local AWS: drop images into its bucket, get the results",
    "failures": "list the images of a bucket that failed permanently, and why",
    "redrive": "send failed events to the deployed function again",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m modules", description="Object detection that runs itself."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, summary in COMMANDS.items():
        module = importlib.import_module(f".{name}", __package__)
        module.add_arguments(commands.add_parser(name, help=summary, description=module.__doc__))
    _prepare_streams()
    parsed = parser.parse_args(arguments)
    run = importlib.import_module(f".{parsed.command}", __package__).run
    if sys.stdout is None:  # the shell's >&-; the next opened file would take its place
        print(f"{parser.prog} {parsed.command}: standard output is closed", file=sys.stderr)
        return 2
    try:
        code = int(run(parsed))
        with stdout_errors():
            sys.stdout.flush()
        return code
    except OutputError as error:
        print(f"{parser.prog} {parsed.command}: {error}", file=sys.stderr)
        _discard_stdout()  # what it still holds would fail again at exit
        return 1
    except (UsageError, SettingsError, PermanentError, TransientError) as error:
        print(f"{parser.prog} {parsed.command}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of our output stopped early, as `head` does
        _discard_stdout()
        return 0
    except OSError as error:  # such as a full disk; the message names the file
        print(f"{parser.prog} {parsed.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _prepare_streams() -> None:
    """Opens standard error where it is closed, and escapes what a stream's encoding lacks."""
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _discard_stdout() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
