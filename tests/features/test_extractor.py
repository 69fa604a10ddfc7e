"""What becomes of a layer's value; networks are cut off at a layer in onnx/ and darknet/."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from modules.errors import ImageError, ModelError
from modules.features.extractor import FeatureExtractor, FeatureNetwork
from modules.object_detection.onnx.graph import Graph
from modules.object_detection.preprocessing import Preprocessing

Picture = NDArray[np.uint8]
SIZE = (4, 2)  # of the input, (width, height)
ENGINES = ("opencv", "onnxruntime")


def network(*operators: str, **preprocessing: Any) -> FeatureNetwork:
    """The operators, one behind the other, on what is fed; each takes one value and no more."""
    graph = Graph("features")
    value = graph.input("image", (1, 3, SIZE[1], SIZE[0]))
    for operator in operators:
        value = graph.node(operator, [value])
    graph.output(value, (-1,) * 4)
    onnx, _ = graph.serialise()
    return FeatureNetwork(onnx, SIZE, value, Preprocessing(scale=1.0, **preprocessing))


def reshaped(*shape: int) -> FeatureNetwork:
    graph = Graph("features")
    value = graph.node("Reshape", [graph.input("image", (1, 3, 2, 4)), graph.integers(*shape)])
    graph.output(value, (-1,) * len(shape))
    return FeatureNetwork(graph.serialise()[0], SIZE, value, Preprocessing(scale=1.0))


def extract(network: FeatureNetwork, image: Picture, **options: Any) -> NDArray[np.float32]:
    """The features, the same under both engines."""
    opencv, onnxruntime = (
        FeatureExtractor(network, engine=engine, **options).extract(image) for engine in ENGINES
    )
    np.testing.assert_allclose(opencv, onnxruntime, rtol=1e-6)
    return onnxruntime


@pytest.fixture
def image() -> Picture:
    """`(2, 4, 3)`, BGR, as large as the input."""
    return np.random.default_rng(8).integers(0, 256, (2, 4, 3)).astype(np.uint8)


def test_maps_are_averaged_over_their_places(image: Picture) -> None:
    features = extract(network("Relu"), image)

    np.testing.assert_allclose(features, image.mean(axis=(0, 1))[::-1], rtol=1e-6)
    assert features.dtype == np.float32


def test_without_pooling_maps_are_taken_whole(image: Picture) -> None:
    features = extract(network("Relu"), image, pool="none")

    np.testing.assert_array_equal(features, image[..., ::-1].transpose(2, 0, 1).ravel())


@pytest.mark.parametrize("pool", ["average", "none"])
def test_a_vector_is_taken_as_it_is(pool: str, image: Picture) -> None:
    features = extract(reshaped(1, 24), image, pool=pool)

    np.testing.assert_array_equal(features, image[..., ::-1].transpose(2, 0, 1).ravel())


@pytest.mark.parametrize(
    ("shape", "pool", "size"),
    [((1, 6, 2, 2), "average", 6), ((1, 6, 2, 2), "none", 24), ((1, 24), "average", 24)],
)
def test_the_number_of_features_is_known_beforehand(
    shape: tuple[int, ...], pool: Any, size: int
) -> None:
    extractor = FeatureExtractor(reshaped(*shape), pool=pool)

    assert extractor.size == size
    assert extractor.input_size == SIZE


@pytest.mark.parametrize("shape", [(1, 4, 6), (24,), (2, 12), (2, 3, 2, 2)])
def test_a_value_that_is_neither_maps_nor_a_vector_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelError, match=r"is \[.*\]; features are taken of \[1, channels, height"):
        FeatureExtractor(reshaped(*shape), engine="onnxruntime")


@pytest.mark.parametrize("engine", ENGINES)
def test_an_image_whose_features_are_not_finite_is_at_fault_itself(engine: str) -> None:
    """e^x is more than single precision holds from 89 on."""
    less = network("Exp", mean=(100.0, 100.0, 100.0))
    extractor = FeatureExtractor(less, engine=engine)

    with pytest.raises(ImageError, match="its features are not finite: Exp_0 overflows on it"):
        extractor.extract(np.full((2, 4, 3), 255, np.uint8))
    assert np.isfinite(extractor.extract(np.zeros((2, 4, 3), np.uint8))).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_network_that_is_not_finite_on_grey_is_refused(engine: str) -> None:
    with pytest.raises(ModelError, match="its layer Exp_0 is not finite on a plain grey image"):
        FeatureExtractor(network("Exp"), engine=engine)


def test_images_of_any_size_are_fed_as_the_network_says(image: Picture) -> None:
    fed = network("Relu", channels="bgr", mean=(-1.0, -2.0, -3.0), std=(2.0, 4.0, 8.0))
    large = image.repeat(3, axis=0).repeat(3, axis=1)

    features = extract(fed, large)

    centres, _ = Preprocessing(scale=1.0, channels="bgr").apply(large, SIZE)
    expected = (centres.mean(axis=(0, 2, 3)) - np.array(fed.preprocessing.mean)) / [2, 4, 8]
    np.testing.assert_allclose(features, expected, rtol=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_features_stay_what_they_are_when_the_next_image_comes(engine: str, image: Picture) -> None:
    extractor = FeatureExtractor(network("Relu"), engine=engine, pool="none")
    first = extractor.extract(image)
    copy = first.copy()

    extractor.extract(255 - image)

    np.testing.assert_array_equal(first, copy)
