"""The choice of a family where several have the same outputs; see `require_family`."""

from __future__ import annotations

from collections.abc import Mapping

from ...errors import ModelError
from ..model_description import Description
from ..preprocessing import Preprocessing
from .probe import Probe


def require_family(
    probe: Probe, description: Description, families: Mapping[str, Preprocessing]
) -> Preprocessing:
    """Returns the preprocessing that model.json decides on among several families.

    It decides with `family`, or with `scale`, `mean` or `std`: the families differ in these.

    Args:
        probe: what is known about the network, for the message.
        description: the keys of model.json.
        families: the families that export such outputs, each with its preprocessing.

    Raises:
        ModelError: model.json gives none of these keys.
    """
    values = (description.family, description.scale, description.mean, description.std)
    if all(value is None for value in values):
        words = " or ".join(f'"family": "{name}"' for name in families)
        raise ModelError(
            f"its outputs are {probe}, as several families export them, which take images in "
            f"different ways, and nothing in the file tells which it is; give model.json {words}, "
            "or `scale`, `mean` and `std`"
        )
    return families.get(description.family or "", next(iter(families.values())))
