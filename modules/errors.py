"""The errors of the whole project: two kinds at the root, told apart everywhere."""


class PermanentError(Exception):
    """The same input fails the same way for ever: record it, never retry it."""


class TransientError(Exception):
    """A later attempt may succeed: retry it."""


class ImageError(PermanentError):
    """This image cannot be processed: not an image, corrupt, too large, unknown format."""


class ModelError(TransientError):
    """This model cannot be used.

    Transient, because the image is not at fault: once the model is mended, a retry succeeds.
    """


class CfgError(ModelError):
    """A Darknet `.cfg` is malformed, or asks for what is not supported."""


class WeightsError(ModelError):
    """A Darknet `.weights` does not hold what its `.cfg` calls for."""


class EventError(PermanentError):
    """An event of a shape that names no images."""


class SettingsError(Exception):
    """A setting has a value that cannot work. The message names the variable and what would do."""


class StorageError(TransientError):
    """S3 did not do as asked: throttling, time-outs, missing permissions, no such bucket."""


class CredentialsExpiredError(StorageError):
    """The credentials are over, and an execution environment keeps those that it was born with."""


class ObjectChangedError(StorageError):
    """The object is not the one that a condition on its ETag asks for."""


class ObjectGoneError(PermanentError):
    """The object is not there any more: it was deleted after its event was sent."""


class FolderChangedError(TransientError):
    """A file was replaced or deleted after the folder was listed; listing it again helps."""


class DownloadError(TransientError):
    """A file cannot be had, or is not what it should be."""


class NotThereError(DownloadError):
    """The address answers that it does not have the file, or does not give it out."""


class UnreachableError(DownloadError):
    """The address does not answer, or breaks off, as often as it is asked."""


class UsageError(Exception):
    """The command cannot run as it was called. The message says what would be right."""


class JobError(PermanentError):
    """The job cannot run as it was called. The message says what would be right."""


class JobFailedError(TransientError):
    """Spark gave the job up. What it has written stays, and a later run goes on from there."""
