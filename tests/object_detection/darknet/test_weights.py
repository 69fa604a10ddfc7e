import io

import numpy as np
import pytest

from modules.errors import WeightsError
from modules.object_detection.darknet import import_darknet
from tests.colour_model import CFG, weights

OLD_HEADER = np.array([0, 1, 0, 0], "<i4").tobytes()


def import_bytes(data: bytes, cfg: str = CFG) -> None:
    import_darknet(cfg, io.BytesIO(data))


def test_a_stream_may_return_pieces_of_any_size() -> None:
    class ThreeBytesAtATime(io.BytesIO):
        def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
            return super().readinto(buffer[:3])

    whole = import_darknet(CFG, io.BytesIO(weights()))
    pieces = import_darknet(CFG, ThreeBytesAtATime(weights()))

    assert np.array_equal(whole.onnx, pieces.onnx)


def test_weights_are_inside_the_model_on_systems_without_files_in_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.platform", "darwin")

    network = import_darknet(CFG, io.BytesIO(weights()), external_weights=True)

    assert network.weights is None
    assert np.array_equal(network.onnx, import_darknet(CFG, io.BytesIO(weights())).onnx)


def test_before_version_0_2_the_header_counts_images_in_32_bits() -> None:
    old = import_darknet(CFG, io.BytesIO(OLD_HEADER + weights()[20:]))

    assert np.array_equal(old.onnx, import_darknet(CFG, io.BytesIO(weights())).onnx)


@pytest.mark.parametrize("size", range(0, len(weights()), 7))
def test_weights_cut_off_anywhere_are_refused(size: int) -> None:
    with pytest.raises(WeightsError, match=rf"end after {size} bytes"):
        import_bytes(weights()[:size])


def test_weights_cut_off_are_refused_with_the_section_where_they_end() -> None:
    with pytest.raises(WeightsError, match=r"^section 1 \[convolutional\], line 11: the weights"):
        import_bytes(weights()[:40])


def test_weights_with_too_many_bytes_are_refused_with_both_counts() -> None:
    with pytest.raises(WeightsError, match=r"have 136 bytes; the cfg calls for 132"):
        import_bytes(weights() + b"\0\0\0\0")


def test_a_file_that_is_not_a_weights_file_is_refused() -> None:
    with pytest.raises(WeightsError, match=r"is this a \.weights file\?"):
        import_bytes(b"<!DOCTYPE html><html>" * 10)


def test_biases_that_are_not_finite_are_refused() -> None:
    data = bytearray(weights())
    data[20:24] = np.float32(np.nan).tobytes()

    with pytest.raises(WeightsError, match=r"section 1 \[convolutional\], line 11: .* not finite"):
        import_bytes(bytes(data))


SHORTCUT = """\
[net]
width=4
height=4
channels=3
[maxpool]
[maxpool]
[shortcut]
from=0
weights_type=per_feature
[convolutional]
filters=6
activation=linear
batch_normalize=1
[yolo]
classes=1
anchors=1,1
"""


@pytest.mark.parametrize(
    ("at", "value", "message"),
    [
        (1, np.inf, r"section 2 \[shortcut\], line 7: the weights are not finite numbers"),
        (2 + 3 * 6, -1, r"section 3 \[convolutional\], line 10: a variance is negative"),
    ],
)
def test_values_that_no_training_produces_are_refused(at: int, value: float, message: str) -> None:
    values = np.ones(2 + 4 * 6 + 18, "<f4")
    import_bytes(weights()[:20] + values.tobytes(), SHORTCUT)
    values[at] = value

    with pytest.raises(WeightsError, match=message):
        import_bytes(weights()[:20] + values.tobytes(), SHORTCUT)
