"""The jobs' own errors."""

from __future__ import annotations

from ..object_detection.errors import PermanentError, TransientError


class JobError(PermanentError):
    """The job cannot run as it was called. The message says what would be right."""


class JobFailedError(TransientError):
    """Spark gave the job up. What it has written stays, and a later run goes on from there."""
