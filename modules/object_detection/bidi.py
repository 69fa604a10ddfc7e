"""The Unicode Bidirectional Algorithm for one line of plain text; start at `visual_order`.

The names of the rules (P2, W1, N0 ...) are those of Unicode Standard Annex #9,
https://www.unicode.org/reports/tr9/. Without explicit formatting characters, which `visual_order`
refuses, the line is a single level run.
"""

from __future__ import annotations

import unicodedata

_STRONG = {"L": "L", "R": "R", "EN": "R", "AN": "R"}  # in N0 and N1, numbers count as R
# Explicit formatting characters
EXPLICIT = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})
_REFUSED = EXPLICIT | {"B", "S", ""}  # line ends, tabs and unassigned characters
_BRACKETS = "()[]{}〈〉《》「」『』【】〔〕〖〗"  # pairs in BidiBrackets.txt
_MIRRORING = _BRACKETS + "<>«»‹›≤≥"  # pairs in BidiMirroring.txt
_CLOSING = dict(zip(_BRACKETS[::2], _BRACKETS[1::2], strict=True))
_MIRRORED = dict(zip(_MIRRORING[::2], _MIRRORING[1::2], strict=True))
_MIRRORED |= {right: left for left, right in _MIRRORED.items()}
_MAX_OPEN_BRACKETS = 63  # BD16


def visual_order(text: str) -> str | None:
    """Returns the characters in the order from left to right, or None where that is not known.

    The paragraph's direction is that of the first strong character (P2, P3). Refused are explicit
    formatting characters, tabs, line ends, mirrored characters outside the table above, and
    nonspacing marks on right-to-left letters: where to draw a mark is in the font's tables only.
    """
    classes = [unicodedata.bidirectional(character) for character in text]
    if not _REFUSED.isdisjoint(classes) or any(
        unicodedata.mirrored(character) and character not in _MIRRORED for character in text
    ):
        return None
    kept = [index for index, name in enumerate(classes) if name != "BN"]  # X9
    text, classes = "".join(text[index] for index in kept), [classes[index] for index in kept]
    base = next((int(name != "L") for name in classes if name in ("L", "R", "AL")), 0)
    levels = _levels(text, classes, base)
    if any(level % 2 and name == "NSM" for level, name in zip(levels, classes, strict=True)):
        return None
    mirrored = [
        _MIRRORED.get(character, character) if level % 2 else character  # L4
        for character, level in zip(text, levels, strict=True)
    ]
    return "".join(mirrored[index] for index in _reordered(levels))


def _levels(text: str, classes: list[str], base: int) -> list[int]:
    """Returns each character's embedding level: even from left to right, odd from right to left."""
    direction = "R" if base else "L"
    types = _resolve_weak(classes, direction)
    _resolve_brackets(text, classes, types, direction)
    _resolve_neutrals(types, direction)
    levels = []
    for name in types:  # I1, I2
        if base:
            levels.append(1 if name == "R" else 2)
        else:
            levels.append({"L": 0, "R": 1}.get(name, 2))
    for index in range(len(levels) - 1, -1, -1):  # L1: spaces at the end
        if classes[index] != "WS":
            break
        levels[index] = base
    return levels


def _resolve_weak(classes: list[str], direction: str) -> list[str]:
    """Applies W1 to W7: returns only L, R, EN, AN and the neutrals WS and ON."""
    types = list(classes)
    for index, name in enumerate(types):  # W1
        if name == "NSM":
            types[index] = types[index - 1] if index else direction
    strong = direction
    for index, name in enumerate(types):  # W2, W3
        if name in ("L", "R", "AL"):
            strong = name
            types[index] = "R" if name == "AL" else name
        elif name == "EN" and strong == "AL":
            types[index] = "AN"
    for index in range(1, len(types) - 1):  # W4
        before, name, after = types[index - 1 : index + 2]
        if before == after and (
            (name in ("ES", "CS") and before == "EN") or (name == "CS" and before == "AN")
        ):
            types[index] = before
    for first, end in _runs(types, {"ET"}):  # W5
        if (first and types[first - 1] == "EN") or types[end : end + 1] == ["EN"]:
            types[first:end] = ["EN"] * (end - first)
    types = ["ON" if name in ("ES", "ET", "CS") else name for name in types]  # W6
    strong = direction
    for index, name in enumerate(types):  # W7
        if name in ("L", "R"):
            strong = name
        elif name == "EN" and strong == "L":
            types[index] = "L"
    return types


def _resolve_brackets(text: str, classes: list[str], types: list[str], direction: str) -> None:
    """Applies N0: the two brackets of a pair get the same direction."""
    for opening, closing in _bracket_pairs(text, types):
        inside = {_STRONG[name] for name in types[opening + 1 : closing] if name in _STRONG}
        if not inside:
            continue
        resolved = direction
        if direction not in inside:
            before = (_STRONG[name] for name in reversed(types[:opening]) if name in _STRONG)
            resolved = next(before, direction)
        for bracket in (opening, closing):
            types[bracket] = resolved
            for mark in range(bracket + 1, len(types)):
                if classes[mark] != "NSM":
                    break
                types[mark] = resolved


def _bracket_pairs(text: str, types: list[str]) -> list[tuple[int, int]]:
    """Returns the pairs' indices in the order of the opening brackets (BD16)."""
    pairs: list[tuple[int, int]] = []
    stack: list[tuple[str, int]] = []  # the closing bracket awaited, and where it was opened
    for index, character in enumerate(text):
        if types[index] != "ON":
            continue
        if character in _CLOSING:
            if len(stack) == _MAX_OPEN_BRACKETS:
                return []
            stack.append((_CLOSING[character], index))
        elif any(character == awaited for awaited, _ in stack):
            while stack:
                awaited, opening = stack.pop()
                if awaited == character:
                    pairs.append((opening, index))
                    break
    return sorted(pairs)


def _resolve_neutrals(types: list[str], direction: str) -> None:
    """Applies N1 and N2: neutrals between equal directions take it, others the paragraph's."""
    for first, end in _runs(types, {"WS", "ON"}):
        before = _STRONG[types[first - 1]] if first else direction
        after = _STRONG[types[end]] if end < len(types) else direction
        types[first:end] = [before if before == after else direction] * (end - first)


def _runs(types: list[str], members: set[str]) -> list[tuple[int, int]]:
    """Returns (first, end) of every longest run of `members`."""
    runs: list[tuple[int, int]] = []
    for index, name in enumerate(types):
        if name in members:
            if runs and runs[-1][1] == index:
                runs[-1] = runs[-1][0], index + 1
            else:
                runs.append((index, index + 1))
    return runs


def _reordered(levels: list[int]) -> list[int]:
    """Returns the characters' indices in visual order (L2)."""
    order = list(range(len(levels)))
    for threshold in range(max(levels, default=0), 0, -1):
        first = 0
        while first < len(order):
            end = first
            while end < len(order) and levels[order[end]] >= threshold:
                end += 1
            order[first:end] = reversed(order[first:end])
            first = end + 1
    return order
