"""Parses a Darknet `.cfg` into sections, and checks the types of options; start at `parse_cfg`.

Follows Darknet's own reader (`read_cfg` in parser.c, `read_option` in option_list.c): white space
is ignored, `#` and `;` start comments, and the first of two equal options counts. Which options
exist is in options.py; what they mean is in the modules of the layers.
"""

from __future__ import annotations

import codecs
import math
import re
from collections.abc import Collection
from dataclasses import dataclass, field

from ...errors import CfgError

_LINE_END = re.compile(r"\r\n?|\n")  # other characters that end a line for Python are in comments
_COMMENT = re.compile(rb"[#;][^\r\n]*")
_SECTION = re.compile(r"\[(\w+)\]")
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_ALIASES = {
    "network": "net",
    "conv": "convolutional",
    "max": "maxpool",
    "avg": "avgpool",
    "local_avg": "local_avgpool",
    "soft": "softmax",
    "silence": "empty",
}
_LARGEST_INTEGER = 2**31 - 1  # of Darknet's int
_QUOTED = 80  # characters of a line in an error


@dataclass(frozen=True)
class Option:
    """The value of one `name=value`, and its line number."""

    value: str
    line: int


@dataclass(frozen=True)
class Section:
    """One `[kind]` with its options.

    kind: the usual name, if there are two. index: counted as Darknet counts layers: -1 for
    `[net]`, 0 for the first layer. line: the line number of `[kind]`.
    """

    kind: str
    index: int
    line: int
    options: dict[str, Option] = field(default_factory=dict)

    def error(self, message: str, option: str = "") -> CfgError:
        """Returns an error that names the section, and the line of the option or the section."""
        line = self.options[option].line if option in self.options else self.line
        return CfgError(f"{self.location(line)}: {message}")

    def location(self, line: int | None = None) -> str:
        """Returns the section and a line number for an error; None is the section's own line."""
        section = f"[{self.kind}]" if self.index < 0 else f"section {self.index} [{self.kind}]"
        return f"{section}, line {self.line if line is None else line}"

    def word(self, name: str, default: str, known: Collection[str]) -> str:
        """Returns the option's text, which must be in `known`."""
        option = self.options.get(name)
        word = option.value if option else default
        if word not in known:
            raise self.error(f"{name}={word} is not supported; supported: {', '.join(known)}", name)
        return word

    def number(self, name: str, default: float) -> float:
        """Returns the option as a finite number."""
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
        """Returns the option as a whole number from `least` to `most`; None is no bound.

        Without a default, the option is required.
        """
        if default is not None and name not in self.options:
            value = default
        else:
            value = self._integer(name, self._required(name))
        if least is not None and value < least:
            raise self.error(f"{name}={value} is too small; the minimum is {least}", name)
        if most is not None and value > most:
            raise self.error(f"{name}={value} is too large; the maximum is {most}", name)
        return value

    def numbers(self, name: str) -> tuple[float, ...]:
        """Returns a required option: numbers, separated by commas."""
        return tuple(self._number(name, item) for item in self._items(name))

    def integers(self, name: str) -> tuple[int, ...]:
        """Returns a required option: whole numbers, separated by commas."""
        return tuple(self._integer(name, item) for item in self._items(name))

    def _items(self, name: str) -> list[str]:
        return self._required(name).rstrip(",").split(",")

    def _required(self, name: str) -> str:
        if name not in self.options:
            raise self.error(f"'{name}' is missing")
        return self.options[name].value

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
            raise self.error(f"{name}: '{text}' does not fit into Darknet's 32-bit integers", name)
        return int(value)


def remove_comments(data: bytes) -> bytes:
    """Removes the comments from the bytes of a cfg, so that they need not be UTF-8.

    Also removes a UTF-16 mark in front of a first comment, if the rest is not UTF-16.
    """
    if data.startswith(_UTF_16) and b"[\0n\0e\0t" not in data:
        start = data[2:].lstrip(b"\0 \t")
        data = start if start.startswith((b"#", b";")) else data
    return _COMMENT.sub(b"", data)


def parse_cfg(text: str) -> tuple[Section, list[Section]]:
    """Splits a cfg into `[net]` and its layers, in order.

    Raises:
        CfgError: a line is not a section, an option or a comment; an option comes before any
            section; the first section is not `[net]`; there are no layers.
    """
    sections: list[Section] = []
    for number, raw in enumerate(_LINE_END.split(text), 1):
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
                f"line {number}: '{raw.strip()[:_QUOTED]}' comes before the first section; "
                "is this a Darknet cfg?"
            )
        if not (name and equals and value):
            raise CfgError(
                f"{sections[-1].location(number)}: '{raw.strip()[:_QUOTED]}' is not of the form "
                "name=value"
            )
        sections[-1].options.setdefault(name, Option(value, number))
    if not sections or sections[0].kind != "net":
        found = f"[{sections[0].kind}]" if sections else "nothing"
        raise CfgError(f"the first section must be [net]; found {found}")
    if len(sections) == 1:
        raise CfgError("there are no layers after [net]")
    return sections[0], sections[1:]
