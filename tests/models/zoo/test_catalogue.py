import re

import pytest

from modules.models.zoo.catalogue import DETECTORS, MODELS
from modules.models.zoo.coco import NAMES
from modules.models.zoo.model import ZooModel
from modules.object_detection.model_description import parse_description

# A release, a commit, or a revision of a hub. Only Darknet's cfgs and two classifiers have no such.
_PERMANENT = re.compile(r"/releases/download/|/[0-9a-f]{40}/")
_ON_A_BRANCH = ("AlexeyAB/darknet/master/", "onnx/models/raw/main/")


def test_what_a_user_should_take_comes_first_and_what_binds_programs_last() -> None:
    names = list(MODELS)

    assert names[:5] == ["yolox-nano", "yolox-tiny", "yolox-s", "d-fine-n", "d-fine-s"]
    assert names[5:11] == [
        *("deimv2-atto", "deimv2-femto", "deimv2-pico", "deimv2-n"),
        *("rf-detr-nano", "rt-detrv2-s"),
    ]
    assert {MODELS[name].licence for name in names[:11]} == {"Apache 2.0"}
    assert [name for name in names if "GPL" in MODELS[name].licence] == names[-1:]


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_every_file_has_a_permanent_address_and_a_sha256(model: ZooModel) -> None:
    for file in model.files:
        on_a_branch = any(branch in file.address for branch in _ON_A_BRANCH)
        assert on_a_branch or _PERMANENT.search(file.address), file.address
        assert file.address.startswith("https://")
        assert re.fullmatch("[0-9a-f]{64}", file.sha256)
        assert file.size > 0


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_a_licence_that_binds_programs_has_terms_that_are_told(model: ZooModel) -> None:
    assert bool(model.terms) == ("GPL" in model.licence)


@pytest.mark.parametrize("model", DETECTORS.values(), ids=DETECTORS)
def test_every_detector_has_its_published_accuracy_and_was_measured(model: ZooModel) -> None:
    assert model.map50_95 or model.map50
    assert model.parameters
    assert model.gflops
    assert model.milliseconds
    assert model.milliseconds_onnxruntime


@pytest.mark.parametrize("model", DETECTORS.values(), ids=DETECTORS)
def test_the_model_json_of_the_zoo_is_valid_and_names_the_classes_of_coco(model: ZooModel) -> None:
    if model.model_json is None:
        assert not model.files or model.licence != "Apache 2.0"
        return

    description = parse_description(model.model_json)

    assert description.names == NAMES
    assert description.input in (None, model.input_size)
    assert len(set(NAMES)) == 80
