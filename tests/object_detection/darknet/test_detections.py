import io

import numpy as np
import pytest

from modules.errors import CfgError
from modules.object_detection.darknet import import_darknet
from modules.object_detection.darknet.cfg import parse_cfg
from modules.object_detection.darknet.layers import build_network
from modules.object_detection.darknet.tree import parse_tree
from modules.object_detection.engines.registry import create_engine
from modules.object_detection.heads.darknet_gaussian_yolo import GaussianYoloHead
from modules.object_detection.heads.darknet_region import RegionHead
from modules.object_detection.heads.darknet_yolo import YoloHead
from tests.object_detection.darknet.random_models import random_weights
from tests.object_detection.darknet.small_networks import NET, Array, check_refused

TREE = parse_tree("animal -1\nvehicle -1\ncat 0\ndog 0\n")


def heads(filters: int, section: str) -> list[object]:
    layers = f"[convolutional]\nfilters={filters}\nactivation=linear\n{section}"
    return list(build_network(*parse_cfg(NET + layers), tree=TREE).heads)


@pytest.mark.parametrize(
    ("filters", "section", "head"),
    [
        (
            14,
            "[yolo]\nmask=2,0\nanchors=1,2, 3,4, 5,6\nnum=3\nclasses=2\n",
            YoloHead(((5, 6), (1, 2)), 2),
        ),
        (
            14,
            "[yolo]\nanchors=1,2, 3,4, 5,6\nnum=2\nclasses=2\nscale_x_y=1.1\nnew_coords=1\n",
            YoloHead(((1, 2), (3, 4)), 2, 1.1, True),
        ),
        (25, "[yolo]\nanchors=1,2\n", YoloHead(((1, 2),), 20)),
        (
            12,
            "[Gaussian_yolo]\nmask=1\nanchors=1,2, 3,4\nnum=2\nclasses=3\nscale_x_y=1.2\n",
            GaussianYoloHead(((3, 4),), 3, 1.2),
        ),
        (
            14,
            "[region]\nanchors=1,2, 3,4, 5,6\nnum=2\nclasses=2\nsoftmax=1\n",
            RegionHead(((1, 2), (3, 4)), 2),
        ),
        (
            9,
            "[region]\nanchors=1,2\nclasses=4\nsoftmax=1\ntree=data/any.tree\nmap=data/any.map\n",
            RegionHead(((1, 2),), 4, TREE),
        ),
    ],
)
def test_a_section_becomes_a_head(filters: int, section: str, head: object) -> None:
    assert heads(filters, section) == [head]


def test_a_mask_may_name_any_anchor_of_the_list() -> None:
    section = "[yolo]\nmask=1,2\nanchors=1,2, 3,4, 5,6\nnum=2\nclasses=1\n"

    assert heads(12, section) == [YoloHead(((3, 4), (5, 6)), 1)]


def test_two_anchors_without_a_comma_become_one_number_as_in_darknet() -> None:
    """strip() removes spaces from a line first; make_yolo_layer initialises anchors with 0.5."""
    section = "[yolo]\nmask=0,1,2\nanchors=1,2, 3,4 5,6, 7\nnum=3\nclasses=1\n"

    assert heads(18, section) == [YoloHead(((1, 2), (3, 45), (6, 7)), 1)]
    assert heads(6, "[yolo]\nanchors=8\nclasses=1\n") == [YoloHead(((8, 0.5),), 1)]


@pytest.mark.parametrize("engine", ["opencv", "onnxruntime"])
def test_two_heads_may_read_the_same_layer(engine: str, image: Array) -> None:
    cfg = NET + "[convolutional]\nfilters=6\nactivation=linear\n"
    cfg += "[yolo]\nclasses=1\nanchors=2,2\n[yolo]\nclasses=1\nanchors=4,4\n"

    network = import_darknet(cfg, io.BytesIO(random_weights(cfg)))

    one, other = create_engine(engine, network.onnx, network.outputs).forward(image)
    assert one.shape == (1, 6, 6, 8)
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ("[region]\nanchors=1,1\n", "section 0 [region], line 5: only softmax=1 is supported"),
        (
            "[yolo]\nclasses=2\nanchors=1,1\n",
            "1 anchors with 7 numbers each call for filters=7 in the layer before; found 3",
        ),
        ("[Gaussian_yolo]\nclasses=2\nanchors=1,1\n", "1 anchors with 11 numbers each call for"),
        ("[yolo]\n", "section 0 [yolo], line 5: 'anchors' is missing"),
        (
            "[yolo]\nnum=2\nanchors=1,1\n",
            "line 7: num=2 calls for 4 numbers in anchors; found 2",
        ),
        ("[yolo]\nnum=1e9\nanchors=1,1\n", "num=1000000000 calls for 2000000000 numbers"),
        ("[yolo]\nanchors=1,1\nmask=1\n", "line 7: mask: there is no anchor 1; they are 0 to 0"),
        ("[Gaussian_yolo]\nanchors=1,1\nyolo_point=left_top\n", "yolo_point=left_top is not supp"),
        (
            "[convolutional]\nfilters=9\n[region]\nsoftmax=1\nclasses=4\nanchors=1,1\ntree=9k.tree\n",
            "line 11: tree=9k.tree: the tree of the classes is missing; put it into ",
        ),
        (
            "[convolutional]\nfilters=7\n[yolo]\nclasses=2\nanchors=1,1\n"
            "[convolutional]\nfilters=8\n[yolo]\nclasses=3\nanchors=1,1\n",
            "section 3 [yolo], line 13: classes=3, but the first head has 2",
        ),
    ],
)
def test_a_head_that_does_not_fit_is_refused_with_section_and_line(
    layers: str, message: str
) -> None:
    check_refused(layers, message)


def test_a_tree_with_another_number_of_classes_is_refused() -> None:
    layers = "[convolutional]\nfilters=8\n[region]\nsoftmax=1\nclasses=3\nanchors=1,1\ntree=t\n"

    with pytest.raises(CfgError, match=r"line 11: tree=t: the tree has 4 classes; classes=3"):
        build_network(*parse_cfg(NET + layers), tree=TREE)
