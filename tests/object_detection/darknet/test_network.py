import contextlib
import io
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.errors import CfgError
from modules.object_detection.darknet import import_darknet
from modules.object_detection.darknet.cfg import parse_cfg
from modules.object_detection.darknet.layers import build_network
from tests.object_detection.darknet.random_models import OWN_CFGS
from tests.object_detection.darknet.small_networks import NET, YOLO


def test_an_input_without_three_channels_is_refused() -> None:
    with pytest.raises(CfgError, match=r"\[net\], line 4: channels=1 is not supported"):
        build_network(*parse_cfg(NET.replace("channels=3", "channels=1") + "[maxpool]\n"))


@pytest.mark.parametrize(
    ("cfg", "message"),
    [
        (
            NET + "[convolutional]\nfilters=1e9\n" + YOLO,
            "section 0 [convolutional], line 5: the weights up to here take 16,000,000,000 bytes; "
            "an ONNX model holds at most 2,130,706,432",
        ),
        (
            NET + "[convolutional]\nsize=1e5\npad=1\n" + YOLO,
            "size=100000 is too large; the maximum is",
        ),
        (NET + "[maxpool]\nsize=1e5\n" + YOLO, "size=100000 is too large; the maximum is 1024"),
        (NET + "[maxpool]\nstride=1e5\n" + YOLO, "size=100000 is too large; the maximum is 1024"),
        (
            NET + "[convolutional]\nsize=3\npad=1\ndilation=2e9\n" + YOLO,
            "dilation=2000000000 is too large; the maximum is 1024",
        ),
        (
            NET + "[convolutional]\nfilters=1e4\n" + "[convolutional]\nfilters=3e4\n" * 3 + YOLO,
            "section 2 [convolutional], line 9: the weights up to here take",
        ),
        (NET.replace("width=8", "width=1e6").replace("height=6", "height=1e6"), "[net], line 1: "),
        (
            NET + "[upsample]\nstride=1e5\n" + YOLO,
            "section 0 [upsample], line 5: 800000 x 600000 x 3 are 1,440,000,000,000 values",
        ),
        (
            NET + "[maxpool]\npadding=1e9\n" + YOLO,
            "padding=1000000000 is too large: it leaves windows",
        ),
        (NET + "[convolutional]\npadding=1e9\n" + YOLO, "the maximum is 268,435,456"),
        (NET + "[convolutional]\nstride=1e10\n" + YOLO, "'1e10' does not fit into Darknet's"),
    ],
)
def test_sizes_beyond_the_limits_are_refused_before_memory_is_allocated(
    cfg: str, message: str
) -> None:
    tracemalloc.start()
    with pytest.raises(CfgError) as error:
        import_darknet(cfg if "[maxpool]" in cfg else cfg + "[maxpool]\n", io.BytesIO())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert message in str(error.value)
    assert peak < 10_000_000


@pytest.mark.parametrize("size", [(0, 64), (64, -1)])
def test_an_empty_input_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(CfgError, match=rf"an input of {size[0]} x {size[1]} is empty"):
        build_network(*parse_cfg(NET + YOLO), size)


WORDS = ["0", "-1", "7", "1e9", "-2147483648", "1e300", "nan", "", "a", "1,2", "\u0663", ",,"]


@given(st.data())
def test_a_damaged_cfg_raises_no_other_error_than_cfg_error(data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(OWN_CFGS.glob("*.cfg"))))
    lines = path.read_text().splitlines()
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(lines) - 1))
        name = lines[at].partition("=")[0]
        lines[at] = data.draw(
            st.sampled_from([*(f"{name}={word}" for word in WORDS), "", "[maxpool]", lines[at][1:]])
        )

    with contextlib.suppress(CfgError):
        build_network(*parse_cfg("\n".join(lines)))
