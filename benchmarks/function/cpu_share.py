"""Runs commands with a share of the cores, as Lambda's memory setting does; see `CpuShare`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Self

_GROUPS = Path("/sys/fs/cgroup")
_PERIOD = 20_000  # microseconds; the share is granted for each period


class CpuShareError(Exception):
    """The share cannot be set: no control groups, or no permission."""


class CpuShare:
    """A Linux control group that limits its processes to a number of cores; needs root.

    Both versions of control groups are supported:
    https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files and, for version 1,
    https://docs.kernel.org/scheduler/sched-bwc.html.
    """

    def __init__(self, cores: float) -> None:
        self._quota = round(cores * _PERIOD)
        is_version_1 = (_GROUPS / "cpu").is_dir()
        self._group = _GROUPS / ("cpu" if is_version_1 else "") / f"share-{os.getpid()}"
        self._limits = (
            {"cpu.cfs_period_us": f"{_PERIOD}", "cpu.cfs_quota_us": f"{self._quota}"}
            if is_version_1
            else {"cpu.max": f"{self._quota} {_PERIOD}"}
        )

    def __enter__(self) -> Self:
        try:
            self._group.mkdir(exist_ok=True)
            for name, value in self._limits.items():
                (self._group / name).write_text(value)
        except OSError as error:
            raise CpuShareError(
                f"cannot limit the share of the cores: {error}; root is needed"
            ) from error
        return self

    def __exit__(self, *exception: object) -> None:
        self._group.rmdir()

    def command(self, command: Sequence[object]) -> list[str]:
        """Returns the command that runs `command` with this share."""
        script = 'echo $$ >"$0" && exec "$@"'
        return ["sh", "-c", script, str(self._group / "cgroup.procs"), *map(str, command)]
