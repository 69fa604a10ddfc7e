"""The command for one's own machine, `python -m modules`; start at `main`.

A module a command, with `add_arguments` and `run`. Exit codes: 0 all well, 1 some inputs failed,
each named, 2 wrong usage. Messages go to standard error, results to standard output.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from ..errors import PermanentError, SettingsError, TransientError, UsageError

COMMANDS = {
    "detect": "find objects in images and folders of this machine",
    "demo": "drop pictures into a bucket on this machine, and show the results",
    "models": "list, fetch, upload, inspect and convert models",
    "batch": "detect, featurize, reduce and more on Spark, for whole buckets",
    "local": "keep a bucket on this machine that answers as the deployed one",
    "failures": "list the images of a bucket that failed permanently, and why",
    "redrive": "have the deployed function try its dead letters again",
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
    parsed = parser.parse_args(arguments)
    run = importlib.import_module(f".{parsed.command}", __package__).run
    try:
        return int(run(parsed))
    except (UsageError, SettingsError, PermanentError, TransientError) as error:
        print(f"{parser.prog} {parsed.command}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of our output has had enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
