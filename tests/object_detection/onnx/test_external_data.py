import hashlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from modules.errors import ModelError
from modules.object_detection.engines.registry import ENGINE_NAMES, create_engine
from modules.object_detection.onnx.external_data import (
    Contents,
    attach,
    external_files,
    require_attached,
    unused_bytes,
)
from modules.object_detection.onnx.memory_file import MemoryFile
from tests.object_detection.onnx import onnx_models
from tests.object_detection.onnx.external import set_external, write_external

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has files in memory")


def array(path: Path) -> NDArray[np.uint8]:
    return np.fromfile(path, np.uint8)


def contents(path: Path, *, in_memory_file: bool = True) -> dict[str, Contents]:
    found: dict[str, Contents] = {}
    for name in external_files(array(path)):
        with (path.parent / name).open("rb", buffering=0) as stream:
            found[name] = (
                MemoryFile.filled(name, stream) if in_memory_file else bytearray(stream.read())
            )
    return found


def outputs(onnx_bytes: NDArray[np.uint8], engine: str, weights: Any = None) -> NDArray[np.float32]:
    names = [output.name for output in onnx.load_from_string(onnx_bytes.tobytes()).graph.output]
    image = np.random.default_rng(5).random((1, 3, 64, 96), np.float32)
    return create_engine(engine, onnx_bytes, names, weights=weights).forward(image)[0]


@linux
@pytest.mark.parametrize("engine", ENGINE_NAMES)
@pytest.mark.parametrize("each", [False, True], ids=["one file", "a file for each weight"])
@pytest.mark.parametrize("threshold", [0, 2000])
def test_weights_in_other_files_give_the_same_outputs(
    tmp_path: Path, engine: str, each: bool, threshold: int
) -> None:
    data = onnx_models.yolov8()
    path = write_external(data, tmp_path, each=each, threshold=threshold)

    attached, weights = attach(array(path), contents(path))

    assert all(place.startswith("/proc/self/fd/") for place in weights)
    assert len(attached) < len(data)
    expected = outputs(np.frombuffer(data, np.uint8), engine)
    np.testing.assert_array_equal(outputs(attached, engine, weights), expected)


@pytest.mark.parametrize("engine", ENGINE_NAMES)
def test_on_systems_without_files_in_memory_the_weights_get_into_the_bytes(
    tmp_path: Path, engine: str
) -> None:
    data = onnx_models.yolov8()
    path = write_external(data, tmp_path)

    attached, weights = attach(array(path), contents(path, in_memory_file=False))

    assert weights == {}
    expected = onnx.load_from_string(data)
    found = onnx.load_from_string(attached.tobytes())
    for one, other in zip(found.graph.initializer, expected.graph.initializer, strict=True):
        np.testing.assert_array_equal(numpy_helper.to_array(one), numpy_helper.to_array(other))
    np.testing.assert_array_equal(
        outputs(attached, engine), outputs(np.frombuffer(data, np.uint8), engine)
    )


def external_tensor(name: str, values: NDArray[Any], location: str, offset: int = 0) -> TensorProto:
    tensor = TensorProto(name=name, dims=values.shape, data_location=TensorProto.EXTERNAL)
    tensor.data_type = helper.np_dtype_to_tensor_dtype(values.dtype)
    for key, value in {"location": location, "offset": str(offset)}.items():
        tensor.external_data.add(key=key, value=value)
    return tensor


def nested_model() -> onnx.ModelProto:
    """Makes y = x + a + b + c; a is a constant's attribute, b a branch's weight, c a function's."""
    values = [np.full((1, 1), value, np.float32) for value in (1, 20, 300)]
    a, b, c = (
        external_tensor(name, array, "w", 4 * place)
        for place, (name, array) in enumerate(zip("abc", values, strict=True))
    )
    output = helper.make_tensor_value_info("t", TensorProto.FLOAT, [1, 1])
    branch = helper.make_graph([helper.make_node("Identity", ["b"], ["t"])], "branch", [], [output])
    branch.initializer.append(b)
    other = helper.make_graph([helper.make_node("Identity", ["a"], ["t"])], "other", [], [output])
    inside = [
        helper.make_node("Constant", [], ["c"], value=c),
        helper.make_node("Add", ["in", "c"], ["out"]),
    ]
    opset = helper.make_opsetid("", 17)
    function = helper.make_function("own", "AddC", ["in"], ["out"], inside, [opset])
    nodes = [
        helper.make_node("Constant", [], ["a"], value=a),
        helper.make_node("Add", ["x", "a"], ["xa"]),
        helper.make_node("If", ["yes"], ["branch"], then_branch=branch, else_branch=other),
        helper.make_node("Add", ["xa", "branch"], ["xab"]),
        helper.make_node("AddC", ["xab"], ["y"], domain="own"),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1]) for name in "xy"]
    yes = numpy_helper.from_array(np.array(True), "yes")
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], [yes])
    return helper.make_model(
        graph,
        functions=[function],
        opset_imports=[opset, helper.make_opsetid("own", 1)],
        ir_version=8,
    )


def test_tensors_of_attributes_branches_and_functions_are_found() -> None:
    model = np.frombuffer(nested_model().SerializeToString(), np.uint8)
    values = np.array([1, 20, 300], np.float32).tobytes()

    assert external_files(model) == ("w",)
    attached, _ = attach(model, {"w": bytearray(values)})

    (result,) = create_engine("onnxruntime", attached, ["y"]).forward(np.zeros((1, 1), np.float32))
    assert result.tolist() == [[321]]
    require_attached(attached, {})


@pytest.mark.parametrize(
    "location",
    [
        "../best.onnx.data",
        "/etc/passwd",
        "/proc/self/fd/0",
        "weights/best.onnx.data",
        "weights\\best.onnx.data",
        "..",
        ".",
        ".hidden",
        "",
        None,
        "a\nb",
        "a\0b",
        "././/etc/passwd",
    ],
)
def test_files_outside_of_the_folder_are_refused_by_name(
    tmp_path: Path, location: str | None
) -> None:
    path = write_external(onnx_models.yolov8(), tmp_path)
    set_external(path, location=location)

    with pytest.raises(ModelError, match=r"its weight 'constant_\d+' is in '.*'; weights must be"):
        external_files(array(path))


def test_a_name_may_begin_with_this_folder(tmp_path: Path) -> None:
    path = write_external(onnx_models.yolov8(), tmp_path)
    set_external(path, location="./best.onnx.data")

    assert external_files(array(path)) == ("best.onnx.data",)
    attach(array(path), contents(path, in_memory_file=False))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"offset": "-1"}, "the offset of its weight 'constant_0' is '-1'; it must be a number"),
        ({"offset": "many"}, "the offset of its weight 'constant_0' is 'many'"),
        ({"length": "4"}, r"\[16, 3, 8, 8\] takes 12,288 bytes; the file says that"),
        (
            {"offset": "9" * 18},
            r"best.onnx.data has [\d,]+ bytes; the weight 'constant_0' is up to",
        ),
        ({"offset": "9" * 30}, "it must be a number"),
    ],
)
def test_a_wrong_place_is_refused_by_the_name_of_the_weight(
    tmp_path: Path, changes: dict[str, str], message: str
) -> None:
    path = write_external(onnx_models.yolov8(), tmp_path)
    files = contents(path, in_memory_file=False)
    set_external(path, **changes)

    with pytest.raises(ModelError, match=message):
        attach(array(path), files)


@pytest.mark.parametrize("size", [0, 1, 100, 12_288])
def test_a_file_that_is_cut_off_is_refused_by_name(tmp_path: Path, size: int) -> None:
    path = write_external(onnx_models.yolov8(), tmp_path)
    (tmp_path / "best.onnx.data").write_bytes(bytes(size))

    with pytest.raises(
        ModelError, match=rf"best\.onnx\.data has {size:,} bytes; .* cut off, or belongs to another"
    ):
        attach(array(path), contents(path, in_memory_file=False))


def test_a_checksum_is_verified(tmp_path: Path) -> None:
    path = write_external(onnx_models.yolov8(), tmp_path)
    data = tmp_path / "best.onnx.data"
    set_external(path, checksum=hashlib.sha1(data.read_bytes(), usedforsecurity=False).hexdigest())
    attach(array(path), contents(path))

    data.write_bytes(bytes([255]) + data.read_bytes()[1:])

    with pytest.raises(ModelError, match=r"best\.onnx\.data belongs to another model: its SHA-1"):
        attach(array(path), contents(path))


def test_a_file_without_offsets_and_lengths_holds_one_weight_each(tmp_path: Path) -> None:
    path = write_external(onnx_models.yolov8(), tmp_path, each=True)
    set_external(path, offset=None, length=None)
    expected = onnx.load_from_string(onnx_models.yolov8()).graph.initializer

    attached, _ = attach(array(path), contents(path, in_memory_file=False))

    found = onnx.load_from_string(attached.tobytes()).graph.initializer
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(numpy_helper.to_array(one), numpy_helper.to_array(other))


def test_four_bits_take_half_a_byte() -> None:
    tensor = TensorProto(name="w", dims=[5], data_type=TensorProto.INT4)
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="w")
    model = helper.make_model(helper.make_graph([], "g", [], [], [tensor]))
    model_bytes = np.frombuffer(model.SerializeToString(), np.uint8)

    attach(model_bytes, {"w": bytearray(3)})
    with pytest.raises(ModelError, match="w has 2 bytes; the weight 'w' is up to byte 3"):
        attach(model_bytes, {"w": bytearray(2)})


def test_bytes_that_no_weight_uses_are_counted(tmp_path: Path) -> None:
    path = write_external(onnx_models.yolov8(), tmp_path)
    size = (tmp_path / "best.onnx.data").stat().st_size

    assert unused_bytes(array(path), {"best.onnx.data": size}) == {"best.onnx.data": 0}
    # onnx.save_model appends to a file that exists
    more = size + 100_000
    assert unused_bytes(array(path), {"best.onnx.data": more}) == {"best.onnx.data": 100_000}


def test_a_file_without_external_weights_needs_nothing() -> None:
    data = np.frombuffer(onnx_models.yolov8(), np.uint8)

    assert external_files(data) == ()
    require_attached(data, {})
