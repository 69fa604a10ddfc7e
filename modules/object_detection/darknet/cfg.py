"""Reads a Darknet `.cfg`: text -> sections whose options are checked; start at `parse_cfg`.

Follows Darknet's own reader (`read_cfg` in parser.c, `read_option` in option_list.c): white space
counts for nothing, `#` and `;` begin comments, and where an option stands twice the first counts.
What an option means, and whether there is such an option, is for others to say.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

from ...errors import CfgError

_SECTION = re.compile(r"\[(\w+)\]")
_ALIASES = {
    "network": "net",
    "conv": "convolutional",
    "max": "maxpool",
    "avg": "avgpool",
    "local_avg": "local_avgpool",
    "soft": "softmax",
    "silence": "empty",
}
_LARGEST_INTEGER = 2**31 - 1  # Darknet's int


@dataclass(frozen=True)
class Option:
    """One `name=value` and the line it stands on."""

    value: str
    line: int


@dataclass(frozen=True)
class Section:
    """One `[kind]` with its options; of a kind's two names, the usual one.

    `index` counts as Darknet counts layers: `[net]` is -1, the first layer 0.
    """

    kind: str
    index: int
    line: int
    options: dict[str, Option] = field(default_factory=dict)

    def error(self, message: str, option: str = "") -> CfgError:
        """An error that says where: the section, and its line or that of the option it is about."""
        line = self.options[option].line if option in self.options else self.line
        return self.error_at(line, message)

    def error_at(self, line: int, message: str) -> CfgError:
        """The same for a line that is no option."""
        where = f"[{self.kind}]" if self.index < 0 else f"section {self.index} [{self.kind}]"
        return CfgError(f"{where}, line {line}: {message}")

    def word(self, name: str, default: str) -> str:
        """The option as text."""
        option = self.options.get(name)
        return option.value if option else default

    def number(self, name: str, default: float) -> float:
        """The option as a finite number."""
        option = self.options.get(name)
        return self._number(name, option.value) if option else default

    def integer(
        self,
        name: str,
        default: int | None = None,
        *,
        least: int | None = None,
        most: int | None = None,
    ) -> int:
        """The option as a whole number in bounds; without a default it must be there."""
        if name in self.options:
            value = self._integer(name, self.options[name].value)
        elif default is None:
            raise self.error(f"'{name}' is missing")
        else:
            value = default
        if least is not None and value < least:
            raise self.error(f"{name}={value} is too small; the least is {least}", name)
        if most is not None and value > most:
            raise self.error(f"{name}={value} is too large; the most is {most}", name)
        return value

    def numbers(self, name: str) -> tuple[float, ...]:
        """The option as a comma-separated list of numbers; it must be there."""
        return tuple(self._number(name, item) for item in self._items(name))

    def integers(self, name: str) -> tuple[int, ...]:
        """The option as a comma-separated list of whole numbers; it must be there."""
        return tuple(self._integer(name, item) for item in self._items(name))

    def _items(self, name: str) -> list[str]:
        if name not in self.options:
            raise self.error(f"'{name}' is missing")
        return self.options[name].value.rstrip(",").split(",")

    def _number(self, name: str, text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise self.error(f"{name}: '{text}' is not a number", name) from None
        if not math.isfinite(value):
            raise self.error(f"{name}: '{text}' is not a finite number", name)
        return value

    def _integer(self, name: str, text: str) -> int:
        value = self._number(name, text)
        if value != int(value):
            raise self.error(f"{name}: '{text}' is not a whole number", name)
        if abs(value) > _LARGEST_INTEGER:
            raise self.error(f"{name}: '{text}' is more than Darknet's integers hold", name)
        return int(value)


def parse_cfg(text: str) -> tuple[Section, list[Section]]:
    """Splits a cfg into `[net]` and its layers, in order.

    Raises:
        CfgError: a line that is neither a section, an option nor a comment; options before any
            section; a first section that is not `[net]`; no layers.
    """
    sections: list[Section] = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = re.split("[#;]", "".join(raw.split()), maxsplit=1)[0].strip("\0\ufeff")
        if not line:
            continue
        if line.startswith("["):
            match = _SECTION.fullmatch(line)
            if not match:
                raise CfgError(f"line {number}: '{raw.strip()}' is not a section like [net]")
            kind = _ALIASES.get(match[1], match[1])
            sections.append(Section(kind, len(sections) - 1, number))
            continue
        name, equals, value = line.partition("=")
        if not sections:
            raise CfgError(
                f"line {number}: '{raw.strip()[:80]}' stands before the first section; "
                "is this a Darknet cfg?"
            )
        if not (name and equals and value):
            message = f"'{raw.strip()[:80]}' is not of the form name=value"
            raise sections[-1].error_at(number, message)
        sections[-1].options.setdefault(name, Option(value, number))
    if not sections or sections[0].kind != "net":
        found = f"[{sections[0].kind}]" if sections else "nothing"
        raise CfgError(f"the first section must be [net]; found {found}")
    if len(sections) == 1:
        raise CfgError("there are no layers after [net]")
    return sections[0], sections[1:]
