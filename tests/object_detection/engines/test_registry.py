"""Every name of an engine is an engine; the registry itself imports nothing large."""

import subprocess
import sys

import numpy as np
import pytest

from modules.errors import EngineError, ModelError
from modules.object_detection.engines.registry import (
    ENGINE_NAMES,
    create_engine,
    engine_class,
)
from modules.object_detection.onnx.graph import Graph
from tests.conftest import ROOT
from tests.object_detection.onnx.onnx_models import constant_outputs


def doubling_network() -> tuple[Graph, str]:
    graph = Graph("doubling")
    image = graph.input("image", (1, 3, 2, 2))
    output = graph.node("Add", [image, image])
    graph.output(output, (1, 3, 2, 2))
    return graph, output


@pytest.mark.parametrize("name", ENGINE_NAMES)
def test_every_engine_runs_a_network(name: str) -> None:
    graph, output = doubling_network()
    onnx, _ = graph.serialise()
    image = np.arange(12, dtype=np.float32).reshape(1, 3, 2, 2)

    (doubled,) = create_engine(name, onnx, [output]).forward(image)

    np.testing.assert_array_equal(doubled, 2 * image)


@pytest.mark.parametrize("name", ENGINE_NAMES)
def test_an_engine_that_cannot_load_a_network_names_another_engine(name: str) -> None:
    with pytest.raises(
        ModelError, match=r"cannot load this network: .*; ENGINE=.* may run it"
    ) as error:
        create_engine(name, np.zeros(10, np.uint8), ["output"])

    assert f"ENGINE={name} may run it" not in str(error.value)


def test_onnx_runtime_that_cannot_run_a_network_names_opencv() -> None:
    graph, output = doubling_network()
    engine = create_engine("onnxruntime", graph.serialise()[0], [output])

    with pytest.raises(
        EngineError, match=r"^ONNX Runtime cannot run this network: .*; ENGINE=opencv may run it$"
    ):
        engine.forward(np.ones((1, 3, 2, 3), np.float32))


def test_opencv_that_cannot_run_a_network_names_onnx_runtime() -> None:
    data = np.frombuffer(constant_outputs(np.zeros((0, 7))), np.uint8)
    engine = create_engine("opencv", data, ["output0"])

    with pytest.raises(
        EngineError, match=r"^OpenCV cannot run this network: .*; ENGINE=onnxruntime may run it$"
    ):
        engine.forward(np.ones((1, 3, 64, 96), np.float32))


def test_without_the_package_the_other_engine_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    graph, output = doubling_network()

    with pytest.raises(ModelError, match=r"needs the package onnxruntime, .* or use ENGINE=opencv"):
        create_engine("onnxruntime", graph.serialise()[0], [output])


@pytest.mark.parametrize("name", ENGINE_NAMES)
def test_every_engine_declares_its_facts(name: str) -> None:
    engine = engine_class(name)

    assert all(
        isinstance(fact, bool)
        for fact in (engine.external_weights, engine.needs_dimensions, engine.half_precision)
    )
    assert isinstance(engine.dangerous_operators, frozenset)
    assert isinstance(engine.wrong_operators, frozenset)


def test_the_names_can_be_read_without_importing_numpy_or_opencv() -> None:
    code = (
        "import sys, modules.object_detection.engines.registry; "
        "sys.exit(bool({'numpy', 'cv2', 'onnxruntime'} & sys.modules.keys()))"
    )

    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
