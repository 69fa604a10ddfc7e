import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modules.cli.models.darknet_facts import darknet_facts
from modules.models.folder import LocalFolder
from modules.models.loader import load_model
from modules.settings import Settings
from tests.cli.command import models
from tests.object_detection.onnx import extended_models, onnx_models
from tests.object_detection.onnx.external import write_external
from tests.object_detection.onnx.input_forms import with_input
from tests.object_detection.onnx.onnx_layers import CELLS


def inspect(model: Path, *arguments: str) -> dict[str, Any]:
    run = models("inspect", model, "--json", *arguments)
    assert run.stderr == ""
    document: dict[str, Any] = json.loads(run.stdout)
    assert run.returncode == (0 if document["footprint"] else 1)
    return document


def test_normalisation_of_images_is_shown_only_if_there_is_any(colour_model: Path) -> None:
    plain = models("inspect", colour_model).stdout
    (colour_model / "model.json").write_text('{"mean": [0.5, 0, 0.25], "std": [1, 1, 2]}')

    shown = models("inspect", colour_model).stdout

    assert "divided by" not in plain
    assert ", minus [0.5, 0, 0.25], divided by [1, 1, 2]\n" in shown


def test_facts_about_a_small_model_equal_those_counted_by_hand(colour_model: Path) -> None:
    found = inspect(colour_model)

    network = found["network"]
    assert (found["name"], found["labels"]) == ("colours", ["red", "green"])
    assert found["bytes"] == sum(path.stat().st_size for path in colour_model.iterdir())
    assert found["digest"] == load_model(LocalFolder(colour_model), Settings()).digest
    assert (network["format"], network["family"]) == ("darknet", "YOLOv3")
    assert (network["layers"], network["input_size"]) == (3, [64, 64])
    assert network["parameters"] == 7 * 3 + 7  # kernels of 1 x 1 x 3, and biases
    assert network["gflops"] == pytest.approx(2 * 7 * 3 * 8 * 8 / 1e9)
    (head,) = network["heads"]
    assert (head["kind"], head["shape"], head["stride"]) == ("yolo", [1, 7, 8, 8], 8)
    assert (head["anchors"], head["evidence"]) == ([[8, 8]], "the cfg")
    assert network["preprocessing"]["resize"] == "stretch"
    assert (network["notes"], found["problems"]) == ([], [])


def test_peak_memory_is_above_the_memory_before_the_model(colour_model: Path) -> None:
    footprint = inspect(colour_model)["footprint"]

    assert footprint["engine"] == "opencv"
    assert 10e6 < footprint["bare_bytes"] < footprint["peak_bytes"]
    assert min(footprint[name] for name in ("load_ms", "first_ms", "image_ms")) > 0


def test_without_json_each_fact_is_one_line(colour_model: Path) -> None:
    run = models("inspect", colour_model)

    lines = dict(line.split("\t") for line in run.stdout.splitlines())
    assert lines["head"] == "yolo, conv_1 [1, 7, 8, 8], stride 8, anchors 8x8, by the cfg"
    assert lines["classes"] == "2: red, green"
    assert lines["problems"] == "none"
    assert "MB at most, measured" in lines["memory"]


@pytest.mark.parametrize(
    ("make", "left_out"),
    [
        (extended_models.segment, "masks"),
        (extended_models.pose, "keypoints"),
        (extended_models.obb, "angles"),
    ],
)
def test_what_is_left_out_of_a_networks_outputs_is_a_note(
    tmp_path: Path, make: Callable[[], bytes], left_out: str
) -> None:
    (tmp_path / "model.onnx").write_bytes(make())

    found = inspect(tmp_path)

    (head,) = found["network"]["heads"]
    assert head["output"] == "output0"
    assert found["network"]["notes"] == [f"{left_out} are left out"]
    assert found["problems"] == []


@pytest.mark.parametrize("batch", [1, 4])
def test_what_a_fixed_batch_costs_is_a_note(tmp_path: Path, batch: int) -> None:
    (tmp_path / "model.onnx").write_bytes(with_input(onnx_models.yolov8(), batch=batch))

    found = inspect(tmp_path)

    notes = [note for note in found["network"]["notes"] if note.startswith("its batch is fixed")]
    expected = "its batch is fixed at 4 images: one image costs as much as 4, also in the GFLOPs"
    assert [note[: len(expected)] for note in notes] == ([] if batch == 1 else [expected])
    assert found["problems"] == []


@pytest.mark.parametrize("unused", [0, 100_000])
def test_bytes_that_the_network_does_not_use_are_a_note(tmp_path: Path, unused: int) -> None:
    data = write_external(onnx_models.yolov8(), tmp_path / "blobs").with_suffix(".onnx.data")
    used = data.stat().st_size
    data.write_bytes(data.read_bytes() + bytes(unused))

    found = inspect(data.parent)

    note = f"best.onnx.data has 100,000 bytes, of {used + unused:,}, that the network does not use"
    assert found["network"]["notes"] == ([note] if unused else [])
    assert found["digest"] == load_model(LocalFolder(data.parent), Settings()).digest


def test_the_evidence_for_the_head_of_an_onnx_file_is_shown(tmp_path: Path) -> None:
    data = onnx_models.yolov10(rows=CELLS, metadata=onnx_models.ultralytics(end2end="True"))
    (tmp_path / "yolo26.onnx").write_bytes(data)

    run = models("inspect", tmp_path)

    lines = dict(line.split("\t") for line in run.stdout.splitlines())
    assert lines["head"] == "end-to-end, output0 [1, 126, 6], by `end2end` in the metadata"
    (head,) = inspect(tmp_path)["network"]["heads"]
    assert (head["kind"], head["evidence"]) == ("end-to-end", "`end2end` in the metadata")


def test_ignored_options_are_listed(colour_model: Path) -> None:
    cfg = colour_model / "colours.cfg"
    text = cfg.read_text().replace("channels=3", "channels=3\nbatch=64\nsubdivisions=8")
    cfg.write_text(text.replace("num=1", "num=1\njitter=.3"))

    (note,) = inspect(colour_model)["network"]["notes"]

    assert note.endswith("which change nothing here: batch, subdivisions, jitter")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ("nms_kind=diounms\nbeta_nms=0.6", "nms_kind=diounms, beta_nms=0.6"),
        ("nms_kind = greedynms", "nms_kind=greedynms"),
    ],
)
def test_a_suppression_that_is_not_followed_is_named_with_the_one_in_use(
    options: str, named: str, colour_model: Path
) -> None:
    cfg = colour_model / "colours.cfg"
    cfg.write_text(cfg.read_text().replace("num=1", f"num=1\n{options}"))

    (note,) = inspect(colour_model)["network"]["notes"]

    assert note.startswith(
        f"{named}: not followed; overlapping boxes are suppressed by plain intersection over union"
    )


def test_a_suppression_that_is_darknets_default_is_not_named_as_another(
    colour_model: Path,
) -> None:
    cfg = colour_model / "colours.cfg"
    cfg.write_text(cfg.read_text().replace("num=1", "num=1\nnms_kind=default\nbeta_nms=0.6"))

    (note,) = inspect(colour_model)["network"]["notes"]

    assert note.endswith("which change nothing here: nms_kind, beta_nms")


def test_an_input_that_is_not_a_multiple_of_the_stride_is_a_problem(colour_model: Path) -> None:
    cfg = colour_model / "colours.cfg"
    cfg.write_text(cfg.read_text().replace("width=64", "width=68"))

    assert inspect(colour_model)["problems"] == [
        "the input is 68 x 64; both should be multiples of 8, the coarsest stride"
    ]


def test_duplicate_class_names_are_a_problem(colour_model: Path) -> None:
    (colour_model / "colours.names").write_text("red\nred\n")

    assert inspect(colour_model)["problems"] == ["several classes have the name 'red'"]


def test_a_model_that_does_not_load_is_shown_with_the_reason_and_the_facts_of_its_cfg(
    colour_model: Path,
) -> None:
    (colour_model / "colours.names").write_text("red\n")

    found = inspect(colour_model)

    (problem,) = found["problems"]
    assert "colours.names has 1 classes, one a line; the network has 2" in problem
    assert found["network"]["layers"] == 3
    assert found["footprint"] is None


def test_for_a_folder_without_a_model_the_problem_names_the_missing_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("")

    (problem,) = inspect(tmp_path)["problems"]

    assert "it has no *.cfg; in it: a.txt" in problem


def test_a_converted_model_has_the_same_gflops(colour_model: Path, tmp_path: Path) -> None:
    (tmp_path / "onnx").mkdir()
    models("convert", colour_model, tmp_path / "onnx" / "colours.onnx", "--decode")

    found = inspect(tmp_path / "onnx")

    network = found["network"]
    assert (network["format"], network["input_size"]) == ("onnx", [64, 64])
    assert network["gflops"] == pytest.approx(2 * 7 * 3 * 8 * 8 / 1e9)
    assert network["heads"][0]["shape"] == [1, 64, 7]
    assert (found["labels"], found["problems"]) == (["red", "green"], [])


@pytest.mark.parametrize(
    ("name", "gflops"),
    [
        ("yolov4", 128.5),
        ("yolov4-tiny", 6.9),
        ("yolov4-csp", 77),
        ("yolov3", 65.9),
        ("yolov3-tiny", 5.6),
        ("yolov3-tiny-prn", 3.5),
        ("yolov3-spp", 141.5),
        ("enet-coco", 3.7),
        ("csresnext50-panet-spp", 71.3),
    ],
)
def test_gflops_equal_those_that_darknet_prints(
    name: str, gflops: float, shared: Callable[[str], Path]
) -> None:
    """From the BFlops in AlexeyAB/darknet's README; Darknet also counts a few cheap layers."""
    facts = darknet_facts(shared(f"cfg/{name}.cfg").read_text())

    assert facts.multiply_adds is not None
    assert 2 * facts.multiply_adds / 1e9 == pytest.approx(gflops, abs=0.12)
