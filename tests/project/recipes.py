"""Reads the recipes of the documentation, and runs each as one script; start at `read_recipes`.

A recipe is what a reader runs: the ```bash blocks under one heading, in order.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import pyspark

from modules.settings import Settings
from tests.conftest import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]

_HEADING = re.compile(r"^#+ (.+)$")
_FENCE = re.compile(r"^\s*```(\w*)$")
# These commands run until they are stopped; `local` prints `export` lines for other shells
_SERVER = re.compile(r"^(\.venv/bin/python -m modules (local|page)|make (local|page))\b")
# Their last line before they wait: how to drop a picture, or the page's address
_READY = r"-m modules drop PICTURE\|^http://127.0.0.1:"
_SECONDS = 840  # for a recipe; pytest's own limit is 900
# What `make setup`, `make batch` and the jobs of Spark have installed
_INSTALLED = (".venv", "node_modules", ".cache/spark")
_NOT_COPIED = shutil.ignore_patterns(
    ".git", ".cache", ".serverless", ".venv*", "node_modules", "__pycache__", ".*_cache",
    ".hypothesis", "demo-output",
)  # fmt: skip
_SETTINGS = {field.name for field in fields(Settings)}
_BUILT = ("dist", "build")  # in layers/


@dataclass(frozen=True)
class Recipe:
    """The bash blocks under one heading of a page.

    Attributes:
        page: the page's path, relative to the project.
        heading: the heading above the blocks.
        blocks: the commands of each block, one per line.
    """

    page: str
    heading: str
    blocks: tuple[tuple[str, ...], ...]

    @property
    def commands(self) -> tuple[str, ...]:
        """The commands of all blocks."""
        return tuple(command for block in self.blocks for command in block)

    def __str__(self) -> str:
        return f"{self.page}: {self.heading}"

    def uses(self, pattern: str) -> bool:
        """Returns whether a regular expression is found in a command."""
        return any(re.search(pattern, command) for command in self.commands)


def read_recipes(page: Path) -> list[Recipe]:
    """Returns the recipes of a page, in order."""
    blocks: dict[str, list[tuple[str, ...]]] = {}
    for heading, block in _blocks(page.read_text()):
        blocks.setdefault(heading, []).append(block)
    name = page.relative_to(ROOT).as_posix()
    return [Recipe(name, heading, tuple(found)) for heading, found in blocks.items()]


def _blocks(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yields each bash block with the heading above it; continued lines are joined."""
    heading, block, language = "", list[str](), None
    for line in text.splitlines():
        fence = _FENCE.match(line)
        if fence and language is None:
            language, block = fence[1], []
        elif fence:
            if language == "bash":
                yield heading, tuple("\n".join(block).replace("\\\n", "").splitlines())
            language = None
        elif language is not None:
            block.append(line)
        elif found := _HEADING.match(line):
            heading = found[1]


def to_script(recipe: Recipe, substitutions: Mapping[str, str], skipped: set[str]) -> str:
    """Returns a bash script that runs a recipe.

    A block that starts a server runs in the background until the server is ready. The `export`
    lines that the server prints then apply to the blocks after it, and it is stopped at the end.

    Args:
        recipe: what to run.
        substitutions: what replaces the placeholders of the documentation.
        skipped: commands to leave out.
    """
    lines = ["set -euo pipefail"]
    for block in recipe.blocks:
        commands = [command for command in block if command not in skipped]
        for placeholder, value in substitutions.items():
            commands = [command.replace(placeholder, value) for command in commands]
        if any(map(_SERVER.match, commands)):
            lines += _in_background(commands)
        else:
            lines += commands
    return "\n".join(lines) + "\n"


def _in_background(commands: list[str]) -> list[str]:
    return [
        ": >server.log",  # another server's lines must not be read before this one starts
        "set -m",  # the server and its children get their own process group
        "(",
        *commands,
        ") >server.log 2>&1 &",
        "server=$!",
        "servers+=($server)",
        "stop() {",
        '  for each in "${servers[@]}"; do',
        '    kill -TERM -- "-$each" 2>/dev/null || true; wait "$each" || true',
        "  done",
        "}",
        "trap stop EXIT",
        "set +m",
        f"until grep -q -e '{_READY}' server.log; do",
        '  kill -0 "$server" 2>/dev/null || { cat server.log >&2; exit 1; }',
        "  sleep 0.2",
        "done",
        "source <(grep '^export ' server.log)",
    ]


def is_empty(script: str) -> bool:
    """Returns whether a script has no commands of a recipe."""
    return script.count("\n") == 1


class Checkout:
    """A copy of the project in which recipes run; its path has a space.

    environment: the variables that every recipe sees. None of them leads to an AWS account, and
    there is no AWS CLI.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.path = folder / "a checkout"
        shutil.copytree(ROOT, self.path, ignore=_not_copied)
        self._make_older_than_environments()
        for name in _INSTALLED:
            if (ROOT / name).exists():
                self.link(name, ROOT / name)
        tools = folder / "tools"
        tools.mkdir()
        (tools / "aws").write_text(
            "#!/bin/sh\necho 'recipes do not need the AWS CLI' >&2; exit 1\n"
        )
        (tools / "aws").chmod(0o755)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not _is_own(name)},
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "SLS_AWS_MONITORING_FREQUENCY": "200",  # milliseconds between polls, instead of 5000
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            # Java's archive of Spark's classes belongs to this path, not to the copy's link to it
            "SPARK_HOME": str(Path(pyspark.__file__).parent),
            **environment,
        }

    def run(
        self, script: str, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Runs a script in the checkout; `environment` is added to the checkout's own."""
        return subprocess.run(
            ["bash", "-c", script],
            cwd=self.path,
            env={**self.environment, **(environment or {})},
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
        )

    def link(self, name: str, target: Path) -> None:
        """Makes a file or folder of the checkout that is a link to another one."""
        link = self.path / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)

    def _make_older_than_environments(self) -> None:
        """Keeps make from installing again what the links below lead to."""
        yesterday = time.time() - 86_400
        for path in self.path.rglob("*"):
            os.utime(path, (yesterday, yesterday))


def _is_own(variable: str) -> bool:
    """Returns whether a variable is the developer's: a setting, or something about an account."""
    return variable.startswith("AWS_") or variable.lower() in _SETTINGS


def _not_copied(folder: str, names: list[str]) -> set[str]:
    built = _BUILT if Path(folder) == ROOT / "layers" else ()
    return {*_NOT_COPIED(folder, names), *built}
