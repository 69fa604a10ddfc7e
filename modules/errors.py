"""Every error of this project: permanent ones, then transient ones, then errors of usage.

Catch `PermanentError` to record a failure, and `TransientError` to try again later. Errors of usage
are neither: a person must change a setting or a command.
"""


class PermanentError(Exception):
    """The same input will always fail in the same way: record it, and never retry it."""


class ImageError(PermanentError):
    """This image cannot be processed: not an image, corrupt, too large, or of an unknown format."""


class ObjectGoneError(PermanentError):
    """The object does not exist any more: it was deleted after its event was sent."""


class EventError(PermanentError):
    """The event names no images in a known shape."""


class RequestError(PermanentError):
    """An HTTP request has no result. status: the code of the answer, like 415."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class JobError(PermanentError):
    """The Spark job cannot run as it was called. The message says what would be right."""


class TransientError(Exception):
    """A later attempt may succeed: retry it."""


class StorageError(TransientError):
    """S3 failed: throttling, a time-out, missing permissions, no such bucket."""


class CredentialsExpiredError(StorageError):
    """The credentials have expired. An execution environment keeps the ones it started with."""


class ObjectChangedError(StorageError):
    """The object is not the version that a condition on its ETag requires."""


class ModelError(TransientError):
    """This model cannot be used.

    Transient, because the image is not at fault: after the model is repaired, a retry succeeds.
    """


class EngineError(ModelError):
    """This engine cannot run a network, and the engine named `other` may run it.

    reason: the message without the advice to use the other engine.
    """

    def __init__(self, reason: str, other: str) -> None:
        super().__init__(f"{reason}; ENGINE={other} may run it")
        self.reason = reason


class UndecidedHeadError(ModelError):
    """Several heads fit a network's outputs. The message names them, for `head` in model.json."""


class CfgError(ModelError):
    """A Darknet `.cfg` is malformed, or contains something that is not supported."""


class WeightsError(ModelError):
    """A Darknet `.weights` file does not contain the weights that its `.cfg` describes."""


class OutOfTimeError(TransientError):
    """The slices of an image cannot end in this invocation, which served other images before."""


class FolderChangedError(TransientError):
    """A model's file was replaced or deleted after its folder was listed: list it again."""


class DownloadError(TransientError):
    """A file cannot be downloaded, or its content is not what was expected."""


class NotThereError(DownloadError):
    """The server answers that it does not have the file, or does not allow access to it."""


class UnreachableError(DownloadError):
    """The server does not answer, or breaks the connection at every attempt."""


class OutputError(TransientError):
    """A result cannot be written on this machine: the message names the file and the reason."""


class DiskFullError(OutputError):
    """No file can be written any more: the disk is full, over its quota, or read-only."""


class JobFailedError(TransientError):
    """Spark gave up the job. What it has written stays, and a later run continues from there."""


class SettingsError(Exception):
    """A setting has an invalid value. The message names the variable and what would be right."""


class UsageError(Exception):
    """The command cannot run as it was called. The message says what would be right."""
