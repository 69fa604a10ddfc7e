from collections.abc import Callable

import numpy as np
import pytest

from tests.object_detection.darknet.small_networks import (
    Array,
    check_refused,
    floats,
    layer_output,
    mixed,
    mixing,
)

RNG = np.random.default_rng(5)


def test_batch_normalisation_is_folded_as_darknet_computes_it(image: Array) -> None:
    bias, scale, mean = RNG.normal(size=(3, 6))
    variance = RNG.uniform(0.1, 2, 6)
    kernel = RNG.normal(size=(6, 3))
    layer = "[convolutional]\nfilters=6\nbatch_normalize=1\nactivation=linear\n"

    output = layer_output(layer, image, 6, floats(bias, scale, mean, variance, kernel))

    # forward_convolutional_layer, then normalize_cpu, scale_bias and add_bias, step by step
    normalised = (mixed(kernel, image[0]) - mean[:, None, None]) / np.sqrt(
        variance[:, None, None] + 1e-6
    )
    expected = normalised * scale[:, None, None] + bias[:, None, None]
    np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-5)


def convolved(source: Array, kernel: Array, stride: int, pad: int, dilation: int = 1) -> Array:
    """Convolves `(C, H, W)` as Darknet does, window by window in the layout of im2col_cpu_ext.

    convolutional_out_height and -width ignore the dilation; im2col gets pad * dilation.
    """
    _, height, width = source.shape
    filters, _, size, _ = kernel.shape
    rows, columns = ((side + 2 * pad - size) // stride + 1 for side in (height, width))
    output = np.zeros((filters, rows, columns))
    for row, column, down, across in np.ndindex(rows, columns, size, size):
        y = row * stride - pad * dilation + down * dilation
        x = column * stride - pad * dilation + across * dilation
        if 0 <= y < height and 0 <= x < width:
            output[:, row, column] += kernel[:, :, down, across] @ source[:, y, x]
    return output.astype(np.float32)


@pytest.mark.parametrize(
    ("options", "size", "stride", "pad", "dilation"),
    [
        ("pad=1", 3, 1, 1, 1),
        ("pad=1\nstride=2", 3, 2, 1, 1),
        ("pad=0", 3, 1, 0, 1),
        ("padding=2\nstride=3", 3, 3, 2, 1),
        ("pad=1\npadding=7", 5, 1, 2, 1),
        ("pad=1", 2, 1, 1, 1),
        ("pad=1\ndilation=2", 3, 1, 1, 2),
        ("pad=1\ndilation=3\nstride=2", 3, 2, 1, 3),
        ("pad=1\ndilation=3", 1, 1, 0, 1),
    ],
)
def test_convolutions_pad_and_stride_as_darknet_does(
    options: str, size: int, stride: int, pad: int, dilation: int, image: Array
) -> None:
    kernel = RNG.normal(size=(4, 3, size, size)).astype(np.float32)
    layer = f"[convolutional]\nfilters=4\nsize={size}\n{options}\nactivation=linear\n"

    output = layer_output(layer, image, 4, floats(np.zeros(4), kernel))

    expected = convolved(image[0], kernel, stride, pad, dilation)
    np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-5)


def test_horizontal_and_vertical_strides_may_differ(image: Array) -> None:
    layer = "[convolutional]\nfilters=3\nstride=9\nstride_x=2\nstride_y=3\nactivation=linear\n"

    output = layer_output(layer, image, 3, floats(np.zeros(3), np.eye(3)))

    np.testing.assert_allclose(output, image[0, :, ::3, ::2], rtol=1e-6)


def test_each_group_of_filters_reads_its_group_of_channels(image: Array) -> None:
    layer = "[convolutional]\nfilters=6\ngroups=3\nactivation=linear\n"
    kernel = RNG.normal(size=(6, 1))

    output = layer_output(layer, image, 6, floats(np.zeros(6), kernel))

    expected = kernel[:, :, None] * image[0].repeat(2, axis=0)
    np.testing.assert_allclose(output, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("activation", "formula"),
    [
        ("linear", lambda x: x),
        ("relu", lambda x: np.maximum(x, 0)),
        ("relu6", lambda x: np.clip(x, 0, 6)),
        ("leaky", lambda x: np.where(x > 0, x, 0.1 * x)),
        ("elu", lambda x: np.where(x >= 0, x, np.exp(x) - 1)),
        ("logistic", lambda x: 1 / (1 + np.exp(-x))),
        ("tanh", lambda x: (np.exp(2 * x) - 1) / (np.exp(2 * x) + 1)),
        ("swish", lambda x: x / (1 + np.exp(-x))),
        ("mish", lambda x: x * np.tanh(np.log1p(np.exp(x)))),
    ],
)
def test_activations_follow_their_formulas(
    activation: str, formula: Callable[[Array], Array], image: Array
) -> None:
    rows = np.diag([9, -9, 2])
    layer, weights = mixing(rows)

    output = layer_output(layer.replace("linear", activation), image, 3, weights)

    np.testing.assert_allclose(output, formula(mixed(rows, image[0])), rtol=1e-4, atol=1e-5)


def test_the_default_activation_of_a_convolution_is_logistic_as_in_darknet(image: Array) -> None:
    output = layer_output("[convolutional]\nfilters=3\n", image, 3, floats(np.zeros(3), np.eye(3)))

    np.testing.assert_allclose(output, 1 / (1 + np.exp(-image[0])), rtol=1e-5)


def test_a_layer_may_share_the_weights_of_another_and_have_its_own_dilation(image: Array) -> None:
    """See make_convolutional_layer with share_layer; the file holds shared weights once."""
    kernel = RNG.normal(size=(3, 3, 3, 3)).astype(np.float32)
    bias, scale, mean, variance = RNG.uniform(0.5, 1.5, (4, 3))
    first = "[convolutional]\nfilters=3\nsize=3\npad=1\nbatch_normalize=1\nactivation=linear\n"
    shared = first + "dilation=2\nshare_index=-1\n"
    again = first + "share_index=1\n"  # a layer that shares weights itself

    weights = floats(bias, scale, mean, variance, kernel)
    output = layer_output(first + shared + again, image, 3, weights)

    factor = (scale / np.sqrt(variance + 1e-6)).astype(np.float32)[:, None, None]
    expected = image[0]
    for dilation in (1, 2, 1):
        expected = convolved(expected, kernel, 1, 1, dilation) - mean[:, None, None]
        expected = (expected * factor + bias[:, None, None]).astype(np.float32)
    np.testing.assert_allclose(output, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("batch_normalize", [0, 1])
def test_xnor_convolves_signs_with_signs_as_darknet_does(
    batch_normalize: int, image: Array
) -> None:
    """See binarize_cpu, binary_align_weights and gemm_nn_custom_bin_mean_transposed.

    The bit of a value is 1 if it is above 0. The bits of the padding are 0, which counts as -1. A
    filter's output is (2 * equal bits - bits) * the mean magnitude of its weights; before that,
    fuse_conv_batchnorm has folded the batch normalisation into the weights.
    """
    source = np.diag([1, 1, 1]) - 0.5 * np.ones((3, 3))
    mix, mix_weights = mixing(source)
    kernel = RNG.normal(size=(4, 3, 3, 3)).astype(np.float32)
    parameters = RNG.uniform(0.5, 1.5, (4, 4))
    parameters[1, 2] *= -1
    layer = f"[convolutional]\nfilters=4\nsize=3\npad=1\nbatch_normalize={batch_normalize}\n"
    layer += "xnor=1\nbin_output=1\nactivation=linear\n"
    weights = floats(parameters if batch_normalize else parameters[0], kernel)

    output = layer_output(mix + layer, image, 4, mix_weights + weights)

    bias, scale, mean, variance = parameters
    factor = scale / np.sqrt(variance + 1e-6) if batch_normalize else np.ones(4)
    fused = kernel * factor[:, None, None, None]
    shift = bias - mean * factor if batch_normalize else bias
    bits = np.pad(mixed(source, image[0]) > 0, ((0, 0), (1, 1), (1, 1)))
    expected = np.empty_like(output)
    for filter_, row, column in np.ndindex(*output.shape):
        window = bits[:, row : row + 3, column : column + 3]
        equal = np.count_nonzero((fused[filter_] > 0) == window)
        expected[filter_, row, column] = (2 * equal - 27) * np.abs(fused[filter_]).mean()
    expected += shift[:, None, None]
    np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-4)


def test_softmax_is_over_all_values_of_a_group(image: Array) -> None:
    output = layer_output("[softmax]\ngroups=2\ntemperature=0.5\n", image, 3)

    groups = np.exp(image.reshape(2, -1) / 0.5)
    expected = (groups / groups.sum(axis=1, keepdims=True)).reshape(3, 6, 8)
    np.testing.assert_allclose(output, expected, rtol=1e-4)


@pytest.mark.parametrize(
    "layer",
    [
        "[dropout]\nprobability=.5\n",
        "[cost]\ntype=sse\n",
        "[empty]\n",
        "[contrastive]\nclasses=1\n",
    ],
)
def test_layers_that_only_matter_in_training_leave_their_input_unchanged(
    layer: str, image: Array
) -> None:
    np.testing.assert_allclose(layer_output(layer, image, 3), image[0], rtol=1e-6)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ("[lrn]\n", "section 0 [lrn], line 5: layers of this kind are not supported; supported: "),
        (
            "[crnn]\n",
            "not supported (they need the earlier frames of a video; images are independent);",
        ),
        ("[detection]\n", "not supported (YOLOv1 is too old; YOLOv2 and later are supported);"),
        ("[convolutional]\nactivation=gelu\n", "line 6: activation=gelu is not supported"),
        ("[convolutional]\nfilters=0\n", "line 6: filters=0 is too small; the minimum is 1"),
        ("[convolutional]\nfilters=4\ngroups=2\n", "line 7: groups=2 must divide both 3 input"),
        ("[convolutional]\nsize=9\n", "its output is empty for an input of 8 x 6"),
        (
            "[convolutional]\nsize=3\ndilation=2\n",
            "line 7: dilation is supported only with pad=1 and an odd size",
        ),
        (
            "[maxpool]\n[convolutional]\nshare_index=-1\n",
            "line 7: share_index: layer -1 is not a [convolutional]",
        ),
        ("[convolutional]\nshare_index=0\n", "line 6: share_index: 0 is not a layer before"),
        (
            "[convolutional]\n[convolutional]\nfilters=2\nshare_index=0\n",
            "line 8: share_index: layer 0 differs in kernel_shape: (1, 3, 1, 1), here (2, 1, 1, 1)",
        ),
        ("[softmax]\ngroups=7\n", "line 5: groups=7 must divide 144 values"),
        (
            "[maxpool]\n",
            "line 5: the network has no detection layer; supported: [Gaussian_yolo], [reg",
        ),
    ],
)
def test_unsupported_layers_are_refused_with_section_and_line(layers: str, message: str) -> None:
    check_refused(layers, message)
