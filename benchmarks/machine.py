"""Describes the machine of a measurement; see `describe_machine`."""

from __future__ import annotations

import os
import re
from pathlib import Path


def describe_machine() -> str:
    """Returns its cores and memory, as part of a sentence."""
    names = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{len(names)} cores of {names[0]} with {memory:.0f} GB"
