import numpy as np
import pytest

from tests.object_detection.darknet.small_networks import (
    Array,
    check_refused,
    layer_output,
    mixed,
    mixing,
)


def windows(source: Array, size: int, stride: int, padding: int) -> list[list[Array]]:
    """Returns the values in each window of forward_maxpool_layer and forward_local_avgpool_layer.

    `padding` is the sum of both sides; the first window starts at -(padding // 2).
    """
    _, height, width = source.shape
    rows, columns = ((side + padding - size) // stride + 1 for side in (height, width))
    tops = [row * stride - padding // 2 for row in range(rows)]
    lefts = [column * stride - padding // 2 for column in range(columns)]
    return [
        [source[:, max(0, top) : top + size, max(0, left) : left + size] for left in lefts]
        for top in tops
    ]


@pytest.mark.parametrize("kind", ["maxpool", "local_avgpool"])
@pytest.mark.parametrize(
    ("size", "stride", "padding"),
    [
        (2, 2, None),
        (2, 1, None),
        (3, 1, None),
        (3, 2, None),
        (5, 1, None),
        (13, 1, None),
        (4, 4, None),
        (3, 2, 1),
        (2, 2, 0),
    ],
)
def test_pooling_pads_as_darknet_does(
    kind: str, size: int, stride: int, padding: int | None, image: Array
) -> None:
    layer = f"[{kind}]\nsize={size}\nstride={stride}\n"
    if padding is not None:
        layer += f"padding={padding}\n"

    output = layer_output(layer, image, 3)

    pool = np.max if kind == "maxpool" else np.mean
    found = windows(image[0], size, stride, size - 1 if padding is None else padding)
    expected = np.array([[pool(window, axis=(1, 2)) for window in row] for row in found])
    np.testing.assert_allclose(output, expected.transpose(2, 0, 1), rtol=1e-5)


def test_the_default_size_of_a_pool_is_its_stride(image: Array) -> None:
    explicit = layer_output("[maxpool]\nsize=2\nstride=2\n", image, 3)

    assert np.array_equal(layer_output("[maxpool]\nstride=2\n", image, 3), explicit)
    assert np.array_equal(layer_output("[max]\nstride=2\n", image, 3), explicit)


def test_maxpool_depth_takes_the_maximum_over_every_nth_channel(image: Array) -> None:
    rows = np.random.default_rng(9).normal(size=(6, 3))
    layer, weights = mixing(rows)
    cfg = layer + "[maxpool]\nmaxpool_depth=1\nout_channels=2\n"

    output = layer_output(cfg, image, 2, weights)

    channels = mixed(rows, image[0])
    expected = [np.max([channels[k] for k in range(g, 6, 2)], axis=0) for g in range(2)]
    np.testing.assert_allclose(output, expected, rtol=1e-5)


def test_upsampling_repeats_pixels(image: Array) -> None:
    output = layer_output("[upsample]\nstride=2\nscale=0.5\n", image, 3)

    expected = 0.5 * image[0].repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_allclose(output, expected, rtol=1e-6)


def reorg_cpu(source: Array, width: int, height: int, channels: int, stride: int) -> Array:
    """Copies Darknet's reorg_cpu (blas.c) with forward=0."""
    x, out = source.ravel(), np.empty(source.size, np.float32)
    for k in range(channels):
        for j in range(height):
            for i in range(width):
                c2, offset = k % (channels // stride**2), k // (channels // stride**2)
                w2, h2 = i * stride + offset % stride, j * stride + offset // stride
                to = i + width * (j + height * k)
                out[to] = x[w2 + width * stride * (h2 + height * stride * c2)]
    return out


def test_reorg_equals_reorg_cpu_called_with_the_shape_of_the_input(image: Array) -> None:
    rows = np.random.default_rng(6).normal(size=(4, 3))
    layer, weights = mixing(rows)

    output = layer_output(layer + "[reorg]\nstride=2\n", image, 16, weights)

    expected = reorg_cpu(mixed(rows, image[0]), 8, 6, 4, 2)  # forward_reorg_old_layer
    np.testing.assert_allclose(output, expected.reshape(16, 3, 4), rtol=1e-4, atol=1e-6)


def test_reorg3d_equals_reorg_cpu_called_with_the_shape_of_the_output(image: Array) -> None:
    output = layer_output("[reorg3d]\nstride=2\n", image, 12)

    expected = reorg_cpu(image[0], 4, 3, 12, 2)  # forward_reorg_layer
    np.testing.assert_allclose(output, expected.reshape(12, 3, 4), rtol=1e-6)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ("[maxpool]\nsize=9\npadding=0\n", "line 5: its output is empty for an input of 8 x 6"),
        (
            "[maxpool]\nsize=2\npadding=4\n",
            "line 7: padding=4 is too large: it leaves windows of size 2 empty",
        ),
        (
            "[maxpool]\nmaxpool_depth=1\nout_channels=2\n",
            "line 7: out_channels=2 does not divide 3 channels",
        ),
        ("[upsample]\nstride=-2\n", "line 6: stride=-2 is too small; the minimum is 1"),
        ("[reorg]\nstride=2\n", "line 6: the square of stride=2 does not divide 3 channels"),
        (
            "[reorg3d]\nstride=4\n",
            "line 6: stride=4 does not divide the width and height of 8 x 6 x 3",
        ),
        ("[reorg3d]\nstride=2\nreverse=1\n", "line 7: reverse=1 is not supported; leave it out"),
    ],
)
def test_shapes_that_cannot_be_resampled_are_refused_with_section_and_line(
    layers: str, message: str
) -> None:
    check_refused(layers, message)
