import functools
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from modules.errors import CfgError
from modules.object_detection.darknet import import_darknet
from modules.object_detection.engines.registry import create_engine
from modules.object_detection.heads.darknet_region import RegionHead
from modules.object_detection.heads.head import HeadPerOutput
from modules.object_detection.network import Network
from tests.colour_model import CFG, weights
from tests.object_detection.darknet.random_models import (
    OWN_CFGS,
    input_size,
    random_input,
    random_weights,
)

REFERENCE = np.load(Path(__file__).parent / "reference" / "random_models.npz")
NAMES = [name for name in REFERENCE.files if not name.endswith(".raw")]


@functools.lru_cache(maxsize=1)
def imported(cfg: str) -> Network:
    return import_darknet(cfg, io.BytesIO(random_weights(cfg)), input_size=input_size(cfg))


@pytest.mark.parametrize("engine", ["opencv", "onnxruntime"])
@pytest.mark.parametrize("name", NAMES)
def test_outputs_equal_those_of_opencv_4(
    name: str, engine: str, shared: Callable[[str], Path]
) -> None:
    """The weights are random, with a seed; `make reference` recorded OpenCV 4's outputs."""
    own = OWN_CFGS / f"{name}.cfg"
    cfg = (own if own.exists() else shared(f"cfg/{name}.cfg")).read_text()
    network = imported(cfg)

    image = random_input(network.input_size)
    outputs = create_engine(engine, network.onnx, network.outputs).forward(image)

    assert isinstance(network.head, HeadPerOutput)
    rows = []
    for raw, head in zip(outputs, network.head.parts, strict=True):
        found = head.decode([raw], network.input_size, 0.0)
        parts = [found.boxes, found.confidences[:, np.newaxis], found.class_ids[:, np.newaxis]]
        # our boxes are ordered by anchor, then cell; OpenCV's by cell, then anchor
        grid = np.concatenate(parts, axis=1).reshape(-1, raw.shape[2] * raw.shape[3], 6)
        rows.append(grid.transpose(1, 0, 2).reshape(-1, 6))
    ours, theirs = np.concatenate(rows), REFERENCE[name]
    sides = np.tile(theirs[:, 2:4] - theirs[:, :2], 2)
    assert (np.abs(ours[:, :4] - theirs[:, :4]) < 1e-3 * sides).all()
    if isinstance(network.head.parts[0], RegionHead):
        # OpenCV suppresses boxes within [region], so the raw outputs are compared
        expected = REFERENCE[f"{name}.raw"]
        raw = outputs[0].transpose(0, 2, 3, 1).reshape(expected.shape)
        np.testing.assert_allclose(raw, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())
    else:
        assert np.array_equal(ours[:, 5], theirs[:, 5])
        np.testing.assert_allclose(ours[:, 4], theirs[:, 4], rtol=1e-3)


def test_a_given_input_size_overrides_the_cfgs() -> None:
    network = import_darknet(CFG, io.BytesIO(weights()), input_size=(128, 32))

    assert network.input_size == (128, 32)
    (graph_input,) = onnx.load_from_string(network.onnx.tobytes()).graph.input
    assert [d.dim_value for d in graph_input.type.tensor_type.shape.dim] == [1, 3, 32, 128]


def test_a_size_that_is_not_a_multiple_of_the_strides_is_refused_where_layers_join() -> None:
    cfg = (OWN_CFGS / "pyramid.cfg").read_text()

    with pytest.raises(CfgError, match=r"differ in size: .*; is the input, 100 x 64, a multiple"):
        import_darknet(cfg, io.BytesIO(), input_size=(100, 64))


def test_a_network_whose_cfg_names_a_tree_needs_the_tree() -> None:
    cfg = (OWN_CFGS / "passthrough.cfg").read_text() + "tree=data/kinds.tree\n"
    tree = "animal -1\nvehicle -1\ncat 0\ndog 0\n"
    data = random_weights((OWN_CFGS / "passthrough.cfg").read_text())

    with pytest.raises(CfgError, match=r"tree=data/kinds\.tree: the tree of the classes is missi"):
        import_darknet(cfg, io.BytesIO(data))
    network = import_darknet(cfg, io.BytesIO(data), tree=tree)
    assert isinstance(network.head, HeadPerOutput)
    (head,) = network.head.parts
    assert isinstance(head, RegionHead)
    assert head.tree is not None
    assert head.tree.parents.tolist() == [-1, -1, 0, 0]
