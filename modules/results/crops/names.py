"""Names of crops: `dog/a.jpg_0.jpg`; start at `class_folder` and `crop_name`.

A label and an image's path may be any text; a name of a crop is one part of a path on every file
system and in a bucket. Different texts have different names: `a/b` becomes `a~b`, and all other
characters that a name cannot hold become a percent sign and their bytes, `%7E` for `~` itself.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

_SUFFIX = ".jpg"
_NAME = re.compile(r"(?P<image>.+)_[0-9]+\.jpg", re.DOTALL)
_NO_NAME = "~"  # of a class whose label is empty; no other label has this folder
_FORBIDDEN = frozenset('%~\\:*?"<>|')  # by Windows; the first two have a meaning here
_HIDDEN = "._"  # at the beginning of a name: Spark and most programs hide such files
_TRIMMED = " ."  # at the end of a name: Windows drops them
_UNPRINTABLE = ("Cc", "Cs", "Zl", "Zp")  # control characters, bytes that are no UTF-8, breaks
# Windows takes these for devices, with every suffix
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)", re.IGNORECASE)
_MOST_BYTES = 200  # of 255, to have room for the number, the suffix, and folders that hold fewer


def class_folder(label: str) -> str:
    """Returns the name of the folder for the crops of a class.

    >>> class_folder("tennis racket"), class_folder("a/b"), class_folder(".."), class_folder("con")
    ('tennis racket', 'a~b', '%2E%2E', '%63on')
    """
    return flat_name(label) if label else _NO_NAME


def crop_name(image: str, number: int) -> str:
    """Returns the file name of a crop.

    Args:
        image: the image's path under the folder of all images, with slashes.
        number: of the object, among those of the image.

    >>> crop_name("2026/paris/a.jpg", 3)
    '2026~paris~a.jpg_3.jpg'
    """
    return f"{flat_name(image)}_{number}{_SUFFIX}"


def image_of(name: str) -> str | None:
    """Returns the `flat_name` of the image in a crop's file name; None for other files.

    >>> image_of("2026~paris~a.jpg_3.jpg"), image_of("a.jpg")
    ('2026~paris~a.jpg', None)
    """
    found = _NAME.fullmatch(name)
    return found["image"] if found else None


def flat_name(text: str) -> str:
    """Returns a name of one part for any text that is not empty; another one for another text.

    A name that would have more than 200 bytes is cut off; a part of the text's SHA-256 keeps it
    different from others.
    """
    last = len(text) - 1
    is_device = _DEVICES.match(text) is not None
    name = "".join(
        _escape(character)
        if (index == 0 and (is_device or character in _HIDDEN))
        or (index in (0, last) and character in _TRIMMED)
        else _portable(character)
        for index, character in enumerate(text)
    )
    if len(name.encode()) <= _MOST_BYTES:
        return name
    # No other name has a percent sign before a minus
    ending = "%-" + hashlib.sha256(name.encode()).hexdigest()[:16]
    return name.encode()[: _MOST_BYTES - len(ending)].decode(errors="ignore") + ending


def _portable(character: str) -> str:
    if character == "/":
        return "~"
    if character in _FORBIDDEN or unicodedata.category(character) in _UNPRINTABLE:
        return _escape(character)
    return character


def _escape(character: str) -> str:
    """Returns the bytes of a character as in an address; a byte that is no UTF-8 stays one byte."""
    try:
        data = character.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half a pair of UTF-16, which only JSON can hold
        data = character.encode("utf-8", "surrogatepass")
    return "".join(f"%{byte:02X}" for byte in data)
