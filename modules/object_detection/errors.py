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
