"""A network that computes several images at once, used for one; see `FirstOfBatch`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from numpy.typing import NDArray

from ...errors import ModelError
from .engine import Blob, Engine

_BATCH_COLUMNS = 7  # of a list of objects whose first column is the image's number


class FirstOfBatch:
    """An engine whose outputs are those for the first of the images that its network computes."""

    def __init__(
        self, engine: Engine, batch: int, shapes: Mapping[str, tuple[int | None, ...] | None]
    ) -> None:
        """Wraps an engine that has loaded the network.

        Args:
            engine: all its outputs are wrapped.
            batch: the number of images, over 1.
            shapes: of the outputs, by name, as the file declares them.
        """
        self._engine = engine
        self._batch = batch
        self._shapes = shapes

    @property
    def outputs(self) -> tuple[str, ...]:
        """The outputs that `forward` returns; see `Engine`."""
        return self._engine.outputs

    @outputs.setter
    def outputs(self, names: tuple[str, ...]) -> None:
        self._engine.outputs = names

    def forward(self, blob: NDArray[Any]) -> list[Blob]:
        """Runs the network; see `Engine`.

        Raises:
            ModelError: see `Engine`; or an output does not say which image its rows are for.
        """
        outputs = self._engine.forward(blob)
        return [self._first(*item) for item in zip(self.outputs, outputs, strict=True)]

    def _first(self, name: str, output: Blob) -> Blob:
        declared = (self._shapes.get(name) or (None,))[0]
        # a list of rows may by chance have as many rows as there are images
        if len(output) == self._batch and (declared is not None or output.ndim > 2):
            return output[:1]
        if output.ndim == 2 and output.shape[1] == _BATCH_COLUMNS:
            first: Blob = output[output[:, 0] == 0]
            return first
        raise ModelError(
            f"its output {name} {list(output.shape)} is for {self._batch} images at once, and does "
            "not say which rows are for which image; export it for one image (batch=1)"
        )


def first_of_batch(
    engine: Engine, batch: int, shapes: Mapping[str, tuple[int | None, ...] | None]
) -> Engine:
    """Returns `engine`, or for a batch of several images an engine for the first one."""
    return engine if batch == 1 else cast(Engine, FirstOfBatch(engine, batch, shapes))
