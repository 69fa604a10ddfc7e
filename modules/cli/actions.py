"""Adds actions to a command, such as `models list`, one module per action; see `add_actions`."""

from __future__ import annotations

import argparse
import types
from collections.abc import Callable, Mapping


def add_actions(
    parser: argparse.ArgumentParser,
    name: str,
    summaries: Mapping[str, str],
    find: Callable[[str], types.ModuleType],
) -> None:
    """Adds a command's actions to its parser.

    Args:
        parser: the command's.
        name: the word for an action in the usage line, and its attribute in the parsed arguments.
        summaries: one line of help per action, by the action's name.
        find: returns an action's module, which has `EXAMPLE` and `add_arguments`. The module's
            docstring is the description in the action's help.
    """
    actions = parser.add_subparsers(dest=name, required=True, metavar=name.upper())
    for action, summary in summaries.items():
        module = find(action)
        module.add_arguments(
            actions.add_parser(
                action,
                help=summary,
                description=module.__doc__,
                epilog=f"example:\n  {module.EXAMPLE}",
                formatter_class=argparse.RawDescriptionHelpFormatter,
            )
        )
