"""The convolutions that take the image; see `stem_kernels`."""

from __future__ import annotations

from .reader import OnnxFile

# Operators that change neither what a pixel's value means nor where the pixel is
_NEUTRAL = frozenset({"Cast", "Identity", "Transpose", "Pad", "QuantizeLinear", "DequantizeLinear"})


def stem_kernels(file: OnnxFile, image: str) -> frozenset[int]:
    """Returns the sides of the kernels of the convolutions that take the input named `image`.

    The result is empty if other operators take it too, which may change the values of its pixels,
    or if a kernel is not square or its shape is unknown.
    """
    images, kernels = {image}, set()
    for node in file.nodes:
        if not images.intersection(node.inputs):
            continue
        if node.operator in _NEUTRAL:
            images.update(node.outputs)
        elif node.operator == "Conv" and node.inputs[0] in images and len(node.inputs) > 1:
            kernels.add(file.weights.get(node.inputs[1], ())[2:])
        elif node.operator != "Shape":  # its output are the sizes
            return frozenset()
    if any(len(set(kernel)) != 1 or len(kernel) != 2 for kernel in kernels):
        return frozenset()
    return frozenset(kernel[0] for kernel in kernels)
