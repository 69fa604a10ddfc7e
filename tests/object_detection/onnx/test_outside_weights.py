"""Large weights reach OpenCV in a file in memory, with the values that they have."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from modules.models.folder import LocalFolder
from modules.models.reader import ModelReader
from modules.object_detection.engines.opencv import OpenCvEngine
from modules.object_detection.onnx.graph import Graph
from modules.object_detection.onnx.memory_file import MemoryFile, has_memory_files
from modules.object_detection.onnx.outside_weights import outside

CHANNELS = 2100  # two kernels of 17 MB, and a small one

pytestmark = pytest.mark.skipif(not has_memory_files(), reason="only Linux has files in memory")


def network(channels: int) -> NDArray[np.uint8]:
    """A network whose output is its image's red, green and blue, times 2, 3 and 4."""
    graph = Graph("test")
    name = graph.input("image", (1, 3, 2, 2))
    shapes = {"first": (channels, 3), "middle": (channels, channels), "last": (3, channels)}
    for kernel, shape in shapes.items():
        graph.weight(kernel, (*shape, 1, 1))
        name = graph.node("Conv", [name, kernel], name=f"conv_{kernel}", kernel_shape=(1, 1))
    graph.output(name, (1, 3, 2, 2))
    data, places = graph.serialise()
    for place in places.values():
        place[...] = 0
        for index in range(3):
            place[index, index] = 1
    places["middle"][:3, :3, 0, 0] = np.diag([2, 3, 4])
    return data


def image() -> NDArray[np.float32]:
    return np.arange(12, dtype=np.float32).reshape(1, 3, 2, 2)


def in_memory_file(data: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.frombuffer(MemoryFile.filled("onnx", io.BytesIO(data.tobytes())), np.uint8)


@pytest.mark.parametrize("is_file", [False, True])
def test_large_weights_are_outside_of_the_graph(is_file: bool) -> None:
    data = network(CHANNELS)
    data = in_memory_file(data) if is_file else data

    graph, file = outside(data)

    assert file is not None
    assert graph.nbytes < 100_000
    inside, moved = onnx.load_model_from_string(data.tobytes()), {}
    for tensor in onnx.load_model_from_string(graph.tobytes()).graph.initializer:
        where = {entry.key: entry.value for entry in tensor.external_data}
        if where:
            assert where["location"] == file.path
            start, length = int(where["offset"]), int(where["length"])
            moved[tensor.name] = file[start : start + length]
    expected = {tensor.name: tensor.raw_data for tensor in inside.graph.initializer}
    assert moved.keys() == {"middle"}
    assert moved["middle"] == expected["middle"]
    assert len(file) == data.nbytes if is_file else len(file) < len(expected["middle"]) + 64


@pytest.mark.parametrize("is_file", [False, True])
def test_opencv_computes_with_weights_outside_of_the_graph(is_file: bool) -> None:
    data = network(CHANNELS)

    engine = OpenCvEngine(in_memory_file(data) if is_file else data, ["conv_last"])
    del data

    (found,) = engine.forward(image())
    factors = np.array([2, 3, 4], np.float32).reshape(1, 3, 1, 1)
    np.testing.assert_array_equal(found, image() * factors)


def test_a_small_network_stays_as_it_is() -> None:
    data = network(8)

    graph, file = outside(data)

    assert graph is data
    assert file is None


def test_a_model_folder_s_network_is_read_into_a_memory_file(tmp_path: Path) -> None:
    network(CHANNELS).tofile(tmp_path / "model.onnx")
    folder = LocalFolder(tmp_path)

    data = ModelReader(folder, folder.files()).onnx("model.onnx")

    _, file = outside(data)
    assert file is not None
    assert len(file) == data.nbytes  # the file itself: nothing was copied
