"""The kernels of the convolutions that take the image, behind operators that leave pixels alone."""

from __future__ import annotations

import pytest

from modules.object_detection.onnx.reader import Node, OnnxFile, Tensor
from modules.object_detection.onnx.stem import stem_kernels

WEIGHTS = {"three": (8, 3, 3, 3), "patch": (8, 3, 16, 16), "wide": (8, 3, 3, 5)}
CONV = Node("Conv", ("image", "three"), ("a",))


def kernels(*nodes: Node) -> frozenset[int]:
    file = OnnxFile(
        inputs=(Tensor("image", "float32", (1, 3, 64, 64)),),
        outputs=(),
        nodes=nodes,
        weights=WEIGHTS,
        operators=frozenset(node.operator for node in nodes),
        metadata={},
        precisions=frozenset(),
    )
    return stem_kernels(file, "image")


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ([CONV], {3}),
        ([CONV, Node("Conv", ("image", "patch"), ("b",))], {3, 16}),
        ([CONV, Node("Conv", ("a", "patch"), ("b",))], {3}),
        ([Node("Shape", ("image",), ("size",)), CONV], {3}),
        (
            [
                Node("Cast", ("image",), ("cast",)),
                Node("Transpose", ("cast",), ("turned",)),
                Node("Conv", ("turned", "patch"), ("b",)),
            ],
            {16},
        ),
        ([Node("Sub", ("image", "mean"), ("c",)), Node("Conv", ("c", "three"), ("d",))], set()),
        ([CONV, Node("Mul", ("image", "scale"), ("c",))], set()),
        ([Node("Conv", ("image", "wide"), ("b",))], set()),
        ([Node("Conv", ("image", "computed"), ("b",))], set()),
        ([], set()),
    ],
)
def test_only_convolutions_of_the_unchanged_image_count(
    nodes: list[Node], expected: set[int]
) -> None:
    assert kernels(*nodes) == expected
