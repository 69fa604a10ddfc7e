import json
import subprocess
import sys
from pathlib import Path

import pytest

from modules.models.zoo.catalogue import MODELS
from tests.cli.command import models
from tests.conftest import ROOT


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder with files of the names and sizes of yolo-fastest-1.1's."""
    copy = tmp_path / ".cache" / "models" / "yolo-fastest-1.1"
    copy.mkdir(parents=True)
    for file in MODELS[copy.name].files:
        (copy / file.name).write_bytes(bytes(file.size))
    return tmp_path


def test_a_pipe_gets_one_line_per_model_with_tabs(folder: Path) -> None:
    run = models("list", folder=folder)

    assert (run.returncode, run.stderr) == (0, "")
    rows = {line.split("\t")[0]: line.split("\t")[1:] for line in run.stdout.splitlines()}
    assert set(rows) >= {"yolov3", "yolov3-tiny", "yolov4", "yolov4-tiny", "yolo-fastest-1.1-xl"}
    model = MODELS["yolov4-tiny"]
    assert rows["yolov4-tiny"] == [
        *("YOLOv4", "416 x 416", "24.3", "6.06", "6.91", "-", "40.2"),
        *(f"{model.milliseconds:g}r", f"{model.milliseconds_onnxruntime:g}r"),
        *("public domain (YOLO licence)", "-"),
    ]
    assert rows["yolox-nano"][:6] == ["YOLOX", "416 x 416", "3.7", "0.9", "1.05", "25.8"]
    assert rows["deimv2-n"][2] == "-"  # to be exported
    assert next(iter(rows)) == "yolox-nano"
    assert rows["yolo-fastest-1.1"][-1] == ".cache/models/yolo-fastest-1.1"
    assert rows["resnet50"][0] == "classifier/features"
    assert rows["fruits"][-1] == str(ROOT / "demo" / "fruits")


@pytest.mark.parametrize(("width", "has_all"), [("200", True), ("80", False)])
def test_a_terminal_gets_a_table_with_a_note_on_the_measurements(
    folder: Path, width: str, has_all: bool
) -> None:
    run = models("list", folder=folder, environment={"FORCE_COLOR": "1", "COLUMNS": width})

    assert "┃" in run.stdout
    assert "ms: OpenCV 5.0, 2 threads, x86-64" in run.stdout
    for part in ("yolo-fastest-1.1-xl", "Apache", "mAP50", "ms ORT"):
        assert part in run.stdout
    assert ("GFLOPs" in run.stdout) == has_all
    lines = run.stdout.splitlines()
    (agpl,) = [number for number, line in enumerate(lines) if "yolo11n" in line]
    assert lines[agpl - 1].startswith("├")


def test_json_prints_one_document_per_line(folder: Path) -> None:
    run = models("list", "--json", folder=folder)

    documents = {item["name"]: item for item in map(json.loads, run.stdout.splitlines())}
    assert documents["yolo-fastest-1.1"] == {
        "name": "yolo-fastest-1.1",
        "family": "Yolo-Fastest",
        "detects": True,
        "input": [320, 320],
        "bytes": 1_384_268 + 9_685 + 625,
        "parameters": 0.35,
        "gflops": 0.25,
        "map50_95": None,
        "map50": 24.4,
        "milliseconds": MODELS["yolo-fastest-1.1"].milliseconds,
        "milliseconds_onnxruntime": MODELS["yolo-fastest-1.1"].milliseconds_onnxruntime,
        "timed_with_random_weights": False,
        "licence": "public domain (YOLO licence)",
        "path": ".cache/models/yolo-fastest-1.1",
    }
    assert documents["deimv2-n"]["bytes"] is None
    assert documents["deimv2-n"]["timed_with_random_weights"]
    assert not documents["resnet50"]["detects"]


def test_a_model_of_shared_data_counts_whatever_export_it_is(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "data" / "models" / "yolox-nano"
    other.mkdir(parents=True)
    (other / "yolox_nano.onnx").write_bytes(b"another export")

    run = models("list", folder=folder, environment={"SHARED_DATA": str(tmp_path / "data")})

    assert any(line.endswith(f"\t{other}") for line in run.stdout.splitlines())


def test_an_export_in_the_cache_is_listed(folder: Path) -> None:
    exported = folder / ".cache" / "models" / "deimv2-n"
    exported.mkdir()
    (exported / "deimv2-n.onnx").write_bytes(b"export")

    run = models("list", folder=folder)

    assert any(line.endswith("\t.cache/models/deimv2-n") for line in run.stdout.splitlines())


def test_a_copy_with_a_truncated_file_is_not_listed(folder: Path) -> None:
    (folder / ".cache/models/yolo-fastest-1.1/yolo-fastest-1.1.weights").write_bytes(b"\0")

    assert "yolo-fastest-1.1\t" in (run := models("list", folder=folder)).stdout
    assert ".cache" not in run.stdout


def test_a_pipe_that_closes_early_is_not_an_error() -> None:
    command = f"set -o pipefail; {sys.executable} -m modules models list | head -1"

    run = subprocess.run(
        ["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.parametrize("action", ["list", "pull", "push", "inspect", "convert"])
def test_help_ends_with_an_example(action: str) -> None:
    run = models(action, "--help")

    assert run.returncode == 0
    assert f"example:\n  python -m modules models {action}" in run.stdout
