"""Prints names and results of any kind; see `printable` and `print_json`."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import OutputError

_BREAKING = ("Cc", "Zl", "Zp")  # control characters, line and paragraph separators


def utf8(text: str) -> str:
    r"""Returns a file name in valid UTF-8: bytes that are not are written as `\xe9`.

    >>> print(utf8(os.fsdecode(b"caf\xe9.jpg")))
    caf\xe9.jpg
    """
    return os.fsencode(text).decode("utf-8", "backslashreplace")


def printable(text: str) -> str:
    r"""Returns a file name in valid UTF-8 and on one line, without control characters.

    >>> print(printable("a\tb\x1b[2J.jpg"))
    a\tb\x1b[2J.jpg
    """
    return "".join(
        _escape(character) if unicodedata.category(character) in _BREAKING else character
        for character in utf8(text)
    )


def print_json(text: str) -> None:
    """Prints one line of JSON, which is UTF-8 whatever the terminal's encoding is."""
    with stdout_errors():
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode() + b"\n")
        sys.stdout.buffer.flush()


@contextmanager
def stdout_errors() -> Iterator[None]:
    """Turns the errors of standard output into `OutputError`; not those of a closed pipe."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"standard output cannot be written: {error.strerror}") from error


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode()
