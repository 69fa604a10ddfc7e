"""Decodes a model's text files; see `decode_text`."""

from __future__ import annotations

import codecs
import shlex

from ..errors import ModelError

_SHOWN = 60  # characters of a line in an error
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def decode_text(data: bytes, name: str) -> str:
    """Decodes UTF-8, and skips a byte order mark.

    Args:
        data: the file's bytes.
        name: the file's name, for messages.

    Raises:
        ModelError: the bytes are not UTF-8; the message names the line and the byte, and shows how
            to convert the file.
    """
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _not_utf_8(data, error.start, name) from None


def refuse_nul_bytes(text: str, name: str) -> None:
    """Refuses a text with NUL characters: UTF-16 without a mark looks like that, if it is English.

    Raises:
        ModelError: there is a NUL character.
    """
    before, nul, _ = text.partition("\0")
    if nul:
        line = before.count("\n") + 1
        raise ModelError(
            f"{name} is not a text file in UTF-8: line {line} has a NUL byte; if it is UTF-16, "
            f"convert it: {_command('UTF-16LE', name)}"
        )


def _not_utf_8(data: bytes, at: int, name: str) -> ModelError:
    """Makes the error for the byte with the index `at`."""
    before, after = data[:at], data[at:]
    number, position = before.count(b"\n") + 1, at - before.rfind(b"\n")
    line = before[before.rfind(b"\n") + 1 :] + after.split(b"\n", 1)[0]
    shown = line.strip(b"\r").decode("utf-8", "backslashreplace").replace("\0", "\\0")[:_SHOWN]
    problem = (
        f"{name} is not a text file in UTF-8: line {number}, '{shown}', has the byte "
        f"0x{data[at]:02x} at position {position}"
    )
    if data.startswith(_UTF_16):
        return ModelError(f"{problem}; convert it: {_command('UTF-16', name)}")
    if b"\0" in data:
        return ModelError(f"{problem}, and the file has NUL bytes; is it a text file?")
    # Windows' encoding has letters and quotes where Latin-1 has control characters
    windows = any(0x80 <= byte < 0xA0 for byte in data)
    encoding = "WINDOWS-1252" if windows else "ISO-8859-1"
    return ModelError(
        f"{problem}; convert it, from {encoding} or whichever encoding it has: "
        f"{_command(encoding, name)}"
    )


def _command(encoding: str, name: str) -> str:
    """Returns a command that converts the file in place."""
    file = shlex.quote(name)
    return f"iconv -f {encoding} -t UTF-8 {file} > converted && mv converted {file}"
