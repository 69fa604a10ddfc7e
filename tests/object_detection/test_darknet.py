import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

from modules.object_detection.darknet import import_darknet
from modules.object_detection.darknet_cfg import parse_cfg
from modules.object_detection.darknet_layers import build_network
from modules.object_detection.engines import OpenCvEngine, create_engine
from modules.object_detection.errors import CfgError, WeightsError
from modules.object_detection.heads import HeadPerOutput

from ..colour_model import CFG, weights
from .random_models import SIZE, random_input, random_weights

NET = "[net]\nwidth=8\nheight=6\nchannels=3\n"
YOLO = "[convolutional]\nfilters=6\nactivation=linear\n[yolo]\nclasses=1\nanchors=2,2\n"
OLD_HEADER = np.array([0, 1, 0, 0], "<i4").tobytes()
NEW_HEADER = np.array([0, 2, 5, 9, 0], "<i4").tobytes()


def import_bytes(cfg: str, data: bytes) -> None:
    import_darknet(cfg, io.BytesIO(data))


def run(cfg: str, data: bytes, image: NDArray[np.float32]) -> NDArray[np.float32]:
    """The network's one output under ONNX Runtime, after the same under OpenCV was found equal."""
    network = import_darknet(cfg, io.BytesIO(data))
    onnx.checker.check_model(network.onnx.tobytes(), full_check=True)
    session = onnxruntime.InferenceSession(network.onnx.tobytes())
    (expected,) = session.run(list(network.outputs), {"image": image})
    (output,) = OpenCvEngine(network.onnx, network.outputs).forward(image)
    np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-4)
    return np.asarray(expected)


@pytest.fixture
def image() -> NDArray[np.float32]:
    return np.random.default_rng(3).uniform(size=(1, 3, 6, 8)).astype(np.float32)


def test_batch_normalisation_is_folded_as_darknet_computes_it(image: NDArray[np.float32]) -> None:
    cfg = NET + "[convolutional]\nfilters=6\nbatch_normalize=1\nactivation=linear\n[yolo]\n"
    cfg += "classes=1\nanchors=2,2\n"
    rng = np.random.default_rng(5)
    bias, scale, mean = rng.normal(size=(3, 6)).astype("<f4")
    variance = rng.uniform(0.1, 2, 6).astype("<f4")
    kernel = rng.normal(size=(6, 3)).astype("<f4")
    data = OLD_HEADER + b"".join(v.tobytes() for v in (bias, scale, mean, variance, kernel))

    output = run(cfg, data, image)

    # forward_convolutional_layer, then normalize_cpu, scale_bias and add_bias, step by step
    convolved = np.einsum("fc,bchw->bfhw", kernel, image)
    normalised = (convolved - mean.reshape(-1, 1, 1)) / np.sqrt(variance.reshape(-1, 1, 1) + 1e-6)
    expected = normalised * scale.reshape(-1, 1, 1) + bias.reshape(-1, 1, 1)
    np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("size", "stride"), [(2, 2), (2, 1), (3, 1), (3, 2), (5, 1), (13, 1)])
def test_max_pooling_pads_as_darknet_does(
    size: int, stride: int, image: NDArray[np.float32]
) -> None:
    cfg = NET + f"[maxpool]\nsize={size}\nstride={stride}\n" + YOLO
    kernel = np.eye(6, 3, dtype="<f4")  # passes red, green and blue on
    data = NEW_HEADER + np.zeros(6, "<f4").tobytes() + kernel.tobytes()

    output = run(cfg, data, image)

    # forward_maxpool_layer: padding is size-1 in sum, and the first window starts at -padding/2
    padding = size - 1
    height, width = (6 + padding - size) // stride + 1, (8 + padding - size) // stride + 1
    expected = np.empty((3, height, width), np.float32)
    for row in range(height):
        for column in range(width):
            top, left = row * stride - padding // 2, column * stride - padding // 2
            window = image[0, :, max(0, top) : top + size, max(0, left) : left + size]
            expected[:, row, column] = window.max(axis=(1, 2))
    np.testing.assert_allclose(output[0, :3], expected, rtol=1e-6)


def test_upsampling_repeats_pixels(image: NDArray[np.float32]) -> None:
    cfg = NET + "[upsample]\nstride=2\nscale=0.5\n" + YOLO
    data = NEW_HEADER + np.zeros(6, "<f4").tobytes() + np.eye(6, 3, dtype="<f4").tobytes()

    output = run(cfg, data, image)

    expected = 0.5 * image[0].repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_allclose(output[0, :3], expected, rtol=1e-6)


def test_route_takes_its_group_of_each_layer(image: NDArray[np.float32]) -> None:
    first = "[convolutional]\nfilters=4\nactivation=linear\n"
    cfg = NET + first + "[route]\nlayers=-1,0\ngroups=2\ngroup_id=1\n" + YOLO
    rows = np.arange(12, dtype="<f4").reshape(4, 3) / 12
    zeros = np.zeros(6, "<f4").tobytes()
    data = NEW_HEADER + zeros[:16] + rows.tobytes() + zeros + np.eye(6, 4, dtype="<f4").tobytes()

    output = run(cfg, data, image)

    channels = np.einsum("fc,chw->fhw", rows, image[0])
    expected = channels[[2, 3, 2, 3]]
    np.testing.assert_allclose(output[0, :4], expected, rtol=1e-5)


def pass_on(channels: int) -> bytes:
    """The weights of a last convolution, of 6 filters, that passes on the channels that come."""
    return np.zeros(6, "<f4").tobytes() + np.eye(6, channels, dtype="<f4").tobytes()


def test_reorg_moves_pixels_as_reorg_cpu_does(image: NDArray[np.float32]) -> None:
    cfg = NET + "[convolutional]\nfilters=4\nactivation=linear\n[reorg]\nstride=2\n" + YOLO
    kernel = np.random.default_rng(6).normal(size=(4, 3)).astype("<f4")
    last = np.zeros((6, 16), "<f4")
    last[np.arange(6), [0, 3, 5, 7, 10, 15]] = 1
    zeros = np.zeros(6, "<f4").tobytes()
    data = NEW_HEADER + zeros[:16] + kernel.tobytes() + zeros + last.tobytes()

    output = run(cfg, data, image)

    flat = np.einsum("fc,chw->fhw", kernel, image[0]).ravel()
    channels, height, width, stride = 4, 6, 8, 2  # of reorg's input; names as in blas.c
    moved = np.empty_like(flat)
    for k in range(channels):
        for j in range(height):
            for i in range(width):
                c2, offset = k % (channels // stride**2), k // (channels // stride**2)
                w2, h2 = i * stride + offset % stride, j * stride + offset // stride
                to = i + width * (j + height * k)
                moved[to] = flat[w2 + width * stride * (h2 + height * stride * c2)]
    expected = moved.reshape(16, 3, 4)[[0, 3, 5, 7, 10, 15]]
    np.testing.assert_allclose(output[0], expected, rtol=1e-5)


@pytest.mark.parametrize(("first", "second"), [(5, 3), (3, 5)])
def test_a_shortcut_adds_the_channels_that_both_have(
    first: int, second: int, image: NDArray[np.float32]
) -> None:
    layers = "".join(
        f"[convolutional]\nfilters={filters}\nactivation=linear\n" for filters in (first, second)
    )
    cfg = NET + layers + "[shortcut]\nfrom=0\n" + YOLO
    rng = np.random.default_rng(8)
    one = rng.normal(size=(first, 3)).astype("<f4")
    two = rng.normal(size=(second, first)).astype("<f4")
    data = NEW_HEADER + bytes(4 * first) + one.tobytes() + bytes(4 * second) + two.tobytes()

    output = run(cfg, data + pass_on(second), image)

    before = np.einsum("fc,chw->fhw", one, image[0])
    expected = np.einsum("fc,chw->fhw", two, before)
    shared = min(first, second)
    expected[:shared] += before[:shared]
    np.testing.assert_allclose(output[0, :second], expected, rtol=1e-3, atol=1e-5)


def test_scale_channels_weighs_each_channel_by_its_average(image: NDArray[np.float32]) -> None:
    cfg = NET + "[maxpool]\nsize=1\n[avgpool]\n[scale_channels]\nfrom=-2\n" + YOLO

    output = run(cfg, NEW_HEADER + pass_on(3), image)

    expected = image[0] * image[0].mean(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(output[0, :3], expected, rtol=1e-5)


def test_sam_multiplies_two_layers(image: NDArray[np.float32]) -> None:
    cfg = NET + "[maxpool]\nsize=1\n[maxpool]\nsize=3\n[sam]\nfrom=0\n" + YOLO

    output = run(cfg, NEW_HEADER + pass_on(3), image)

    padded = np.pad(image[0], ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    np.testing.assert_allclose(output[0, :3], image[0] * windows.max(axis=(3, 4)), rtol=1e-5)


@pytest.mark.parametrize(
    ("activation", "formula"),
    [
        ("linear", lambda x: x),
        ("relu", lambda x: np.maximum(x, 0)),
        ("leaky", lambda x: np.where(x > 0, x, 0.1 * x)),
        ("logistic", lambda x: 1 / (1 + np.exp(-x))),
        ("swish", lambda x: x / (1 + np.exp(-x))),
        ("mish", lambda x: x * np.tanh(np.log1p(np.exp(x)))),
    ],
)
def test_activations(
    activation: str,
    formula: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    image: NDArray[np.float32],
) -> None:
    shortcut = f"[shortcut]\nfrom=-1\nactivation={activation}\n"
    cfg = NET + "[convolutional]\nfilters=3\nactivation=linear\n" + shortcut + YOLO
    kernel = np.diag([4, -4, 1]).astype("<f4")
    zeros = np.zeros(6, "<f4").tobytes()
    data = NEW_HEADER + zeros[:12] + kernel.tobytes() + zeros + np.eye(6, 3, dtype="<f4").tobytes()

    output = run(cfg, data, image)

    doubled = 2 * np.einsum("fc,chw->fhw", kernel, image[0])
    np.testing.assert_allclose(output[0, :3], formula(doubled), rtol=1e-4, atol=1e-5)


REFERENCE = np.load(Path(__file__).parent / "reference" / "random_models.npz")


@pytest.mark.parametrize("name", REFERENCE.files)
@pytest.mark.parametrize("engine", ["opencv", "onnxruntime"])
def test_reference_networks_put_out_what_opencv_4_does(
    name: str, engine: str, shared: Callable[[str], Path]
) -> None:
    """With seeded random weights; `make reference` recorded benchmarks/opencv4_outputs.py's."""
    cfg = shared(f"cfg/{name}.cfg").read_text()
    network = import_darknet(cfg, io.BytesIO(random_weights(cfg)), input_size=SIZE)

    outputs = create_engine(engine, network.onnx, network.outputs).forward(random_input())

    assert isinstance(network.head, HeadPerOutput)
    rows = []
    for raw, head in zip(outputs, network.head.parts, strict=True):
        found = head.decode(raw, network.input_size, 0.0)
        parts = [found.boxes, found.confidences[:, np.newaxis], found.class_ids[:, np.newaxis]]
        # ours are in the order of anchors, then cells; OpenCV's of cells, then anchors
        grid = np.concatenate(parts, axis=1).reshape(-1, raw.shape[2] * raw.shape[3], 6)
        rows.append(grid.transpose(1, 0, 2).reshape(-1, 6))
    ours, theirs = np.concatenate(rows), REFERENCE[name]
    np.testing.assert_allclose(ours[:, :4], theirs[:, :4], rtol=1e-3, atol=1e-3)
    # within [region] OpenCV suppresses by itself: scores that go become 0, and others best
    same = ours[:, 5] == theirs[:, 5]
    assert same.mean() > (0.2 if "[region]" in cfg else 0.99)
    np.testing.assert_allclose(ours[same, 4], theirs[same, 4], rtol=1e-3, atol=1e-6)
    assert (ours[~same, 4] > theirs[~same, 4] * 0.999).all()


def test_the_weights_are_read_as_a_stream_in_pieces_of_any_size() -> None:
    class Dripping(io.BytesIO):
        def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
            return super().readinto(buffer[:3])

    whole = import_darknet(CFG, io.BytesIO(weights()))
    dripped = import_darknet(CFG, Dripping(weights()))

    assert np.array_equal(whole.onnx, dripped.onnx)


@pytest.mark.parametrize("size", range(0, len(weights()), 7))
def test_weights_cut_off_anywhere_are_refused(size: int) -> None:
    with pytest.raises(WeightsError, match=rf"end after {size} bytes"):
        import_bytes(CFG, weights()[:size])


def test_weights_with_bytes_too_many_are_refused_with_both_counts() -> None:
    with pytest.raises(WeightsError, match=r"hold 136 bytes; the cfg calls for 132"):
        import_bytes(CFG, weights() + b"\0\0\0\0")


def test_a_file_that_is_no_weights_is_refused() -> None:
    with pytest.raises(WeightsError, match=r"is this a \.weights file\?"):
        import_bytes(CFG, b"<!DOCTYPE html><html>" * 10)


def test_weights_that_are_not_numbers_are_refused() -> None:
    data = bytearray(weights())
    data[20:24] = np.float32(np.nan).tobytes()

    with pytest.raises(WeightsError, match=r"section 1 \[convolutional\], line 11: .* not finite"):
        import_bytes(CFG, bytes(data))


def test_the_input_may_have_another_size() -> None:
    network = import_darknet(CFG, io.BytesIO(weights()), input_size=(128, 32))

    assert network.input_size == (128, 32)
    (graph_input,) = onnx.load_from_string(network.onnx.tobytes()).graph.input
    assert [d.dim_value for d in graph_input.type.tensor_type.shape.dim] == [1, 3, 32, 128]


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ("[crnn]\n", "section 0 [crnn], line 5: layers of this kind are not supported"),
        (
            "[convolutional]\nstrid=2\n",
            "section 0 [convolutional], line 6: 'strid' is not an option of [convolutional]; "
            "did you mean 'stride'?",
        ),
        ("[convolutional]\nxnor=1\n", "line 6: xnor=1 is not supported; leave it out"),
        ("[convolutional]\nactivation=gelu\n", "line 6: activation=gelu is not supported"),
        ("[convolutional]\nfilters=0\n", "line 6: filters=0 is too small; the least is 1"),
        ("[convolutional]\nfilters=4\ngroups=2\n", "line 7: groups=2 must divide both 3 input"),
        ("[convolutional]\nsize=9\n", "nothing is left of an input of 8 x 6"),
        ("[route]\nlayers=0\n", "line 6: layers: 0 is not a layer before this one"),
        ("[route]\n", "section 0 [route], line 5: 'layers' is missing"),
        ("[maxpool]\n[shortcut]\nfrom=-3\n", "line 7: from: -3 is not a layer before this one"),
        (
            "[maxpool]\n[maxpool]\nstride=2\n[route]\nlayers=0,1\n",
            "line 9: the layers differ in size: 8 x 6 x 3 and 4 x 3 x 3",
        ),
        (
            "[maxpool]\n[maxpool]\nstride=2\n[shortcut]\nfrom=0\n",
            "line 9: the layers differ in size: 4 x 3 x 3 and 8 x 6 x 3",
        ),
        ("[maxpool]\n", "section 0 [maxpool], line 5: the network has no [yolo] or [region] layer"),
        (
            "[reorg]\nstride=4\n",
            "line 6: stride=4 does not divide 8 x 6 x 3, channels by its square",
        ),
        (
            "[maxpool]\nsize=1\n[scale_channels]\nfrom=-1\n",
            "the layer before must be 1 x 1 x 3; it is 8 x 6 x 3",
        ),
        ("[region]\nanchors=1,1\n", "section 0 [region], line 5: only softmax=1 is supported"),
        ("[yolo]\nclasses=2\nanchors=1,1\n", "1 anchors and 2 classes call for filters=7"),
        ("[yolo]\nanchors=1,1,1\n", "line 6: num=1 calls for 2 numbers in anchors; found 3"),
        ("[yolo]\nanchors=1,1\nmask=1\n", "line 7: mask: 1 is not from 0 to num-1=0"),
    ],
)
def test_what_cannot_be_imported_is_refused_with_section_and_line(
    layers: str, message: str
) -> None:
    with pytest.raises(CfgError) as error:
        build_network(*parse_cfg(NET + layers))

    assert message in str(error.value)


def test_pictures_have_three_channels() -> None:
    with pytest.raises(CfgError, match=r"\[net\], line 4: channels=1 is not supported"):
        build_network(*parse_cfg(NET.replace("channels=3", "channels=1") + "[maxpool]\n"))
