"""Commands that have actions of their own, a module each; see `add_actions`."""

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
    """Declares a command's actions.

    Args:
        parser: the command's.
        name: what the command calls an action, and the parsed arguments too.
        summaries: a line on each action, by its name.
        find: its module, with `EXAMPLE` and `add_arguments`; its docstring is the description.
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
