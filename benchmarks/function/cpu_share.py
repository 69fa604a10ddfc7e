"""Runs commands with a share of the cores, as Lambda does by memory; see `CpuShare`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Self

_GROUPS = Path("/sys/fs/cgroup")
_PERIOD = 20_000  # microseconds within which the share is used up or not


class CpuShareError(Exception):
    """This machine, or who asks it, cannot share out its cores."""


class CpuShare:
    """A control group of Linux whose processes get so many cores' time; needs root.

    Both versions of control groups are known:
    https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files and, of the first,
    https://docs.kernel.org/scheduler/sched-bwc.html.
    """

    def __init__(self, cores: float) -> None:
        self._quota = round(cores * _PERIOD)
        is_first = (_GROUPS / "cpu").is_dir()
        self._group = _GROUPS / ("cpu" if is_first else "") / f"share-{os.getpid()}"
        self._limits = (
            {"cpu.cfs_period_us": f"{_PERIOD}", "cpu.cfs_quota_us": f"{self._quota}"}
            if is_first
            else {"cpu.max": f"{self._quota} {_PERIOD}"}
        )

    def __enter__(self) -> Self:
        try:
            self._group.mkdir(exist_ok=True)
            for name, value in self._limits.items():
                (self._group / name).write_text(value)
        except OSError as error:
            raise CpuShareError(
                f"the cores cannot be shared out: {error}; it needs root"
            ) from error
        return self

    def __exit__(self, *exception: object) -> None:
        self._group.rmdir()

    def command(self, command: Sequence[object]) -> list[str]:
        """The command that runs `command` within the share."""
        script = 'echo $$ >"$0" && exec "$@"'
        return ["sh", "-c", script, str(self._group / "cgroup.procs"), *map(str, command)]
