"""How the output of a network becomes features."""

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
    """Returns a network that applies the operators to its input, one after the other."""
    graph = Graph("features")
    value = graph.input("image", (1, 3, SIZE[1], SIZE[0]))
    for operator in operators:
        value = graph.node(operator, [value])
    graph.output(value, (-1,) * 4)
    onnx, _ = graph.serialise()
    return FeatureNetwork(onnx, SIZE, value, Preprocessing(scale=1.0, **preprocessing))


def reshaped(*shape: int) -> FeatureNetwork:
    """Returns a network that reshapes its input."""
    graph = Graph("features")
    value = graph.node("Reshape", [graph.input("image", (1, 3, 2, 4)), graph.integers(*shape)])
    graph.output(value, (-1,) * len(shape))
    return FeatureNetwork(graph.serialise()[0], SIZE, value, Preprocessing(scale=1.0))


def extract(network: FeatureNetwork, image: Picture, **options: Any) -> NDArray[np.float32]:
    """Returns the features; checks that both engines compute the same."""
    opencv, onnxruntime = (
        FeatureExtractor(network, engine=engine, **options).extract(image) for engine in ENGINES
    )
    np.testing.assert_allclose(opencv, onnxruntime, rtol=1e-6)
    return onnxruntime


@pytest.fixture
def image() -> Picture:
    """Returns an image of the input's size, `(2, 4, 3)` BGR."""
    return np.random.default_rng(8).integers(0, 256, (2, 4, 3)).astype(np.uint8)


def test_each_channel_is_averaged_over_its_pixels(image: Picture) -> None:
    features = extract(network("Relu"), image)

    np.testing.assert_allclose(features, image.mean(axis=(0, 1))[::-1], rtol=1e-6)
    assert features.dtype == np.float32


def test_without_pooling_each_value_is_a_feature(image: Picture) -> None:
    features = extract(network("Relu"), image, pool="none")

    np.testing.assert_array_equal(features, image[..., ::-1].transpose(2, 0, 1).ravel())


@pytest.mark.parametrize("pool", ["average", "none"])
def test_a_vector_is_not_pooled(pool: str, image: Picture) -> None:
    features = extract(reshaped(1, 24), image, pool=pool)

    np.testing.assert_array_equal(features, image[..., ::-1].transpose(2, 0, 1).ravel())


@pytest.mark.parametrize(
    ("shape", "pool", "size"),
    [((1, 6, 2, 2), "average", 6), ((1, 6, 2, 2), "none", 24), ((1, 24), "average", 24)],
)
def test_the_number_of_features_is_known_before_the_first_image(
    shape: tuple[int, ...], pool: Any, size: int
) -> None:
    extractor = FeatureExtractor(reshaped(*shape), pool=pool)

    assert extractor.size == size
    assert extractor.input_size == SIZE


@pytest.mark.parametrize("shape", [(1, 4, 6), (24,), (2, 12), (2, 3, 2, 2)])
def test_an_output_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelError, match=r"is \[.*\]; features need \[1, channels, height"):
        FeatureExtractor(reshaped(*shape), engine="onnxruntime")


@pytest.mark.parametrize("engine", ENGINES)
def test_features_that_are_not_finite_are_an_error_of_the_image(engine: str) -> None:
    """e^x overflows in single precision from x = 89 on."""
    exponential = network("Exp", mean=(100.0, 100.0, 100.0))
    extractor = FeatureExtractor(exponential, engine=engine)

    with pytest.raises(ImageError, match="its features are not finite: Exp_0 overflows on it"):
        extractor.extract(np.full((2, 4, 3), 255, np.uint8))
    assert np.isfinite(extractor.extract(np.zeros((2, 4, 3), np.uint8))).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_network_that_is_not_finite_on_grey_is_refused(engine: str) -> None:
    with pytest.raises(ModelError, match="its layer Exp_0 is not finite on a plain grey image"):
        FeatureExtractor(network("Exp"), engine=engine)


def test_images_of_any_size_are_preprocessed_as_the_network_requires(image: Picture) -> None:
    bgr = network("Relu", channels="bgr", mean=(-1.0, -2.0, -3.0), std=(2.0, 4.0, 8.0))
    large = image.repeat(3, axis=0).repeat(3, axis=1)

    features = extract(bgr, large)

    resized, _ = Preprocessing(scale=1.0, channels="bgr").apply(large, SIZE)
    expected = (resized.mean(axis=(0, 2, 3)) - np.array(bgr.preprocessing.mean)) / [2, 4, 8]
    np.testing.assert_allclose(features, expected, rtol=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_next_image_does_not_change_earlier_features(engine: str, image: Picture) -> None:
    extractor = FeatureExtractor(network("Relu"), engine=engine, pool="none")
    first = extractor.extract(image)
    copy = first.copy()

    extractor.extract(255 - image)

    np.testing.assert_array_equal(first, copy)
