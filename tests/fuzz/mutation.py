"""Damages bytes, texts and JSON documents at random, but reproducibly; start at `damage`."""

from __future__ import annotations

import copy
import json
import re
import struct
import zlib
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

_MAX_BYTES = 300_000
_LENGTHS = (0, 1, 2, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1)
_FLOATS = (float("nan"), float("inf"), -float("inf"), 3e38, -3e38, 1e-40, -0.0)
_NUMBERS = ("0", "-1", "1", "2", "7", "255", "65536", "2147483648", "1e30", "nan", "0.5", "99999")
_VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 1e300, 2**70, "", " ", "x" * 3000, [], {}, [[]], "\0", "\ud800", "%", "%ff",
    "[" * 100_000, "input/../../etc/x.jpg", "/etc/passwd", "🐶", "aws:sqs", "aws:sns",
)  # fmt: skip

_WORD = re.compile(rb"[a-z_]+")

Operation = Callable[[Random, bytes, Sequence[bytes]], bytes]


def damage(random: Random, seeds: Sequence[bytes], operations: Sequence[Operation]) -> bytes:
    """Returns one of the seeds after one to eight random operations."""
    data = random.choice(seeds)
    for _ in range(random.choice((1, 1, 2, 3, 5, 8))):
        data = random.choice(operations)(random, data, seeds)[:_MAX_BYTES]
    return data


def _block(random: Random, data: bytes) -> tuple[int, int]:
    """Returns start and end of a random block, usually a short one."""
    start = random.randrange(len(data) + 1)
    return start, min(len(data), start + random.choice((1, 2, 4, 8, 16, 64, 512, len(data))))


def flip_bits(random: Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 4, 32)) if data else 0):
        changed[random.randrange(len(data))] ^= 1 << random.randrange(8)
    return bytes(changed)


def move_block(random: Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    start, end = _block(random, data)
    rest = data[:start] + data[end:]
    place = random.randrange(len(rest) + 1)
    return rest[:place] + data[start:end] + rest[place:]


def repeat_block(random: Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    start, end = _block(random, data)
    return data[:end] + data[start:end] * random.choice((1, 2, 50)) + data[end:]


def remove_block(random: Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    start, end = _block(random, data)
    return data[:start] + data[end:]


def fill_block(random: Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    start, end = _block(random, data)
    return data[:start] + bytes([random.choice((0, 255, 128, 10))]) * (end - start) + data[end:]


def cut_off(random: Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def splice(random: Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    other = random.choice(seeds)
    return data[: random.randrange(len(data) + 1)] + other[random.randrange(len(other) + 1) :]


def set_number(random: Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    """Overwrites a length, an offset or a weight, perhaps, with an extreme value; often early."""
    order, code = random.choice("<>"), random.choice("BHIQf")
    size = struct.calcsize(code)
    if code == "f":
        packed = struct.pack(f"{order}f", random.choice(_FLOATS))
    else:
        packed = struct.pack(f"{order}{code}", random.choice(_LENGTHS) % 256**size)
    place = random.randrange(random.choice((64, 512, len(data) + 1)))
    return data[:place] + packed + data[place + size :]


def change_number(random: Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    """Replaces a number in a text by another, often an extreme one."""
    numbers = list(re.finditer(rb"-?\d+(?:\.\d+)?", data))
    if not numbers:
        return data
    number = random.choice(numbers)
    new = random.choice((random.choice(_NUMBERS).encode(), random.choice(numbers)[0]))
    return data[: number.start()] + new + data[number.end() :]


def change_word(random: Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    """Replaces a word in a text by a word of a seed."""
    words, others = (list(_WORD.finditer(text)) for text in (data, random.choice(seeds)))
    if not words or not others:
        return data
    word = random.choice(words)
    return data[: word.start()] + random.choice(others)[0] + data[word.end() :]


def change_lines(random: Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    """Removes, repeats or moves a few lines, or inserts some of a seed."""
    lines = data.split(b"\n")
    start = random.randrange(len(lines))
    taken = lines[start : start + random.choice((1, 1, 5, 10))]
    if random.random() < 0.5:
        del lines[start : start + len(taken)]
    if random.random() < 0.3:
        taken = random.choice(seeds).split(b"\n")[start : start + 10]
    place = random.randrange(len(lines) + 1)
    lines[place:place] = taken * random.choice((0, 1, 1, 30))
    return b"\n".join(lines)


def change_document(random: Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    """Replaces or removes one value of a JSON document."""
    try:
        root = [json.loads(data)]
        other = json.loads(random.choice(seeds))
    except (ValueError, RecursionError):
        return data
    parent, name = random.choice(_places(root))
    new = random.choice((random.choice(_VALUES), random.choice(_VALUES), other, parent[name]))
    kind = random.randrange(8)
    if kind == 0 and isinstance(parent, dict):
        del parent[name]
    elif kind == 1:
        parent[name] = json.dumps(new)
    elif kind == 2:
        parent[name] = [copy.deepcopy(new), parent[name]]
    else:
        parent[name] = copy.deepcopy(new)
    return json.dumps(root[0]).encode() if root else b""


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Returns (container, key or index) of every value below a value."""
    keys = value if isinstance(value, dict) else range(len(value))
    found = []
    for key in keys:
        found.append((value, key))
        if isinstance(value[key], dict | list):
            found += _places(value[key])
    return found


def fix_png_checksums(random: Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    """Corrects the checksums of a PNG: readers skip chunks whose checksum is wrong."""
    if data[1:4] != b"PNG":
        return data
    fixed, place = [data[:8]], 8
    while place + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, place)
        body = data[place + 4 : place + 8 + length]
        fixed.append(data[place : place + 4] + body + struct.pack(">I", zlib.crc32(body)))
        place += 12 + length
    return b"".join([*fixed, data[place:]])


BINARY: tuple[Operation, ...] = (
    flip_bits, move_block, repeat_block, remove_block, fill_block, cut_off, splice, set_number,
    set_number, set_number,
)  # fmt: skip
TEXT: tuple[Operation, ...] = (
    *[change_number] * 12, *[change_lines] * 4, change_word, flip_bits, remove_block, splice,
)  # fmt: skip
DOCUMENT: tuple[Operation, ...] = (*[change_document] * 8, change_word, flip_bits)
