"""What the tests of the core share."""

import numpy as np
import pytest

from tests.object_detection.darknet.small_networks import Array


@pytest.fixture
def image() -> Array:
    """The input of `small_networks.NET`, `(1, 3, 6, 8)`."""
    return np.random.default_rng(3).uniform(size=(1, 3, 6, 8)).astype(np.float32)
