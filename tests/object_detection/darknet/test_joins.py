import numpy as np
import pytest
from numpy.typing import NDArray

from tests.object_detection.darknet.small_networks import (
    Array,
    check_refused,
    floats,
    layer_output,
    mixed,
    mixing,
)

RNG = np.random.default_rng(8)


def test_a_route_takes_its_group_of_channels_from_each_layer(image: Array) -> None:
    rows = np.arange(12).reshape(4, 3) / 12
    layer, weights = mixing(rows)

    output = layer_output(layer + "[route]\nlayers=-1,0\ngroups=2\ngroup_id=1\n", image, 4, weights)

    np.testing.assert_allclose(output, mixed(rows, image[0])[[2, 3, 2, 3]], rtol=1e-5)


@pytest.mark.parametrize(("first", "second"), [(5, 3), (3, 5)])
def test_a_shortcut_adds_the_channels_that_both_have(first: int, second: int, image: Array) -> None:
    one, two = RNG.normal(size=(first, 3)), RNG.normal(size=(second, first))
    layers = [mixing(one), mixing(two)]
    cfg = "".join(layer for layer, _ in layers) + "[shortcut]\nfrom=0\n"

    output = layer_output(cfg, image, second, b"".join(weights for _, weights in layers))

    before = mixed(one, image[0])
    expected = mixed(two, before)
    shared = min(first, second)
    expected[:shared] += before[:shared]
    np.testing.assert_allclose(output, expected, rtol=1e-3, atol=1e-5)


def shortcut_multilayer_cpu(
    layers: list[Array], weights: Array | None, normalization: str
) -> Array:
    """Copies Darknet's blas.c; `layers` are flat, beginning with the layer before."""
    inputs, *others = layers
    out = np.empty_like(inputs)
    nweights = 0 if weights is None else weights.size
    layer_step = nweights // len(layers)
    step = len(inputs) // layer_step if nweights else 0
    for src_i in range(len(inputs)):
        factors: NDArray[np.floating] = np.ones(len(layers))
        if weights is not None:
            factors = weights[[src_i // step + i * layer_step for i in range(len(layers))]]
        if normalization == "relu":
            factors = np.where(factors > 0, factors, 0)
            factors = factors / (0.0001 + factors.sum())
        elif normalization == "softmax":
            factors = np.exp(factors - factors.max())
            factors = factors / (0.0001 + factors.sum())
        out[src_i] = inputs[src_i] * factors[0]
        for layer, factor in zip(others, factors[1:], strict=True):
            if src_i < len(layer):
                out[src_i] += layer[src_i] * factor
    return out


@pytest.mark.parametrize("normalization", ["none", "relu", "avg_relu", "softmax"])
@pytest.mark.parametrize("weights_type", ["none", "per_feature", "per_layer", "per_channel"])
def test_a_shortcut_weighs_several_layers_as_darknet_does(
    weights_type: str, normalization: str, image: Array
) -> None:
    mixes = [RNG.normal(size=(3, 3)) for _ in range(3)]
    cfg = "".join(mixing(rows)[0] for rows in mixes)
    cfg += f"[shortcut]\nfrom=-2,-3\nactivation=relu\nweights_type={weights_type}\n"
    cfg += f"weights_normalization={normalization}\n"
    sizes = {"none": 0, "per_channel": 9}
    weights = RNG.normal(0.3, 1, sizes.get(weights_type, 3)).astype(np.float32)

    data = b"".join(mixing(rows)[1] for rows in mixes) + floats(weights)
    output = layer_output(cfg, image, 3, data)

    layers = [image[0]]
    for rows in mixes:
        layers.append(mixed(rows, layers[-1]).astype(np.float32))
    expected = shortcut_multilayer_cpu(
        [layer.ravel() for layer in layers[:0:-1]],
        weights if len(weights) else None,
        {"avg_relu": "relu"}.get(normalization, normalization) if len(weights) else "none",
    )
    np.testing.assert_allclose(
        output, np.maximum(expected, 0).reshape(3, 6, 8), rtol=1e-3, atol=1e-5
    )


def test_scale_channels_multiplies_each_channel_by_its_average(image: Array) -> None:
    output = layer_output("[maxpool]\nsize=1\n[avgpool]\n[scale_channels]\nfrom=-2\n", image, 3)

    expected = image[0] * image[0].mean(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(output, expected, rtol=1e-5)


def test_scale_channels_with_scale_wh_multiplies_each_pixel(image: Array) -> None:
    layer, weights = mixing([[0.2, 0.3, 0.5]])
    cfg = "[maxpool]\nsize=1\n" + layer + "[scale_channels]\nfrom=0\nscale_wh=1\n"

    output = layer_output(cfg, image, 3, weights)

    # forward_scale_channels_layer: factor index = value index modulo the channel's size
    expected = image[0] * mixed([[0.2, 0.3, 0.5]], image[0])
    np.testing.assert_allclose(output, expected, rtol=1e-5)


def test_sam_multiplies_two_layers(image: Array) -> None:
    output = layer_output("[maxpool]\nsize=1\n[maxpool]\nsize=3\n[sam]\nfrom=0\n", image, 3)

    padded = np.pad(image[0], ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    np.testing.assert_allclose(output, image[0] * windows.max(axis=(3, 4)), rtol=1e-5)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ("[route]\nlayers=0\n", "line 6: layers: 0 is not a layer before this one"),
        ("[route]\n", "section 0 [route], line 5: 'layers' is missing"),
        ("[maxpool]\n[route]\nlayers=0\ngroups=2\n", "line 8: groups=2 does not divide 3 channels"),
        (
            "[maxpool]\n[route]\nlayers=0\ngroup_id=1\n",
            "line 8: group_id=1 must be below groups=1",
        ),
        ("[maxpool]\n[shortcut]\nfrom=-3\n", "line 7: from: -3 is not a layer before this one"),
        (
            "[maxpool]\n[maxpool]\nstride=2\n[route]\nlayers=0,1\n",
            "line 9: the layers differ in size: 8 x 6 x 3 and 4 x 3 x 3; is the input, 8 x 6, "
            "a multiple of the network's strides?",
        ),
        (
            "[maxpool]\n[maxpool]\nstride=2\n[shortcut]\nfrom=0\n",
            "line 9: the layers differ in size: 4 x 3 x 3 and 8 x 6 x 3",
        ),
        (
            "[maxpool]\n[maxpool]\n[shortcut]\nfrom=0\nweights_type=per_pixel\n",
            "line 9: weights_type=per_pixel is not supported; supported: none, per_feature",
        ),
        (
            "[convolutional]\nfilters=4\n[maxpool]\nmaxpool_depth=1\n[shortcut]\nfrom=0\n"
            "weights_type=per_channel\nweights_normalization=relu\n",
            "line 11: weights between layers of different channels are not supported",
        ),
        (
            "[maxpool]\nsize=1\n[scale_channels]\nfrom=-1\n",
            "the layer before must be 1 x 1 x 3; it is 8 x 6 x 3",
        ),
        (
            "[maxpool]\nsize=1\n[scale_channels]\nfrom=-1\nscale_wh=1\n",
            "the layer before must be 8 x 6 x 1; it is 8 x 6 x 3",
        ),
        (
            "[maxpool]\n[maxpool]\nstride=2\n[sam]\nfrom=0\n",
            "line 9: the layers differ in shape: 4 x 3 x 3 and 8 x 6 x 3",
        ),
    ],
)
def test_layers_that_cannot_be_joined_are_refused_with_section_and_line(
    layers: str, message: str
) -> None:
    check_refused(layers, message)
