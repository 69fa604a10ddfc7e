from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.command import command, models
from tests.conftest import ROOT
from tests.file_server import FileServer


@pytest.fixture
def mirror(shared: Callable[[str], Path]) -> Iterator[FileServer]:
    """A mirror with the real files of yolo-fastest-1.1."""
    source = shared("models/yolo-fastest-1.1")
    files = {f"{source.name}/{path.name}": path.read_bytes() for path in source.iterdir()}
    with FileServer(files).running() as server:
        yield server


def test_pull_prints_the_folder_of_the_model_and_list_shows_it(
    mirror: FileServer, tmp_path: Path
) -> None:
    run = models(
        "pull", "yolo-fastest-1.1", folder=tmp_path, environment={"MODEL_MIRROR": mirror.address}
    )

    assert (run.returncode, run.stdout, run.stderr) == (0, ".cache/models/yolo-fastest-1.1\n", "")
    listed = models("list", folder=tmp_path).stdout.splitlines()
    assert any(line.endswith("\t.cache/models/yolo-fastest-1.1") for line in listed)


def test_a_terminal_gets_progress_bars(mirror: FileServer, tmp_path: Path) -> None:
    mirror.pause = 0.2

    run = models(
        "pull", "yolo-fastest-1.1", "--to", tmp_path / "mine",
        environment={"MODEL_MIRROR": mirror.address, "FORCE_COLOR": "1", "COLUMNS": "120"},
    )  # fmt: skip

    assert run.returncode == 0
    assert "yolo-fastest-1.1.weights" in run.stderr
    assert "/1.4 MB" in run.stderr
    assert "MB/s" in run.stderr
    assert (tmp_path / "mine" / "yolo-fastest-1.1" / "coco.names").exists()


def test_an_unknown_model_is_wrong_usage_with_a_suggestion() -> None:
    run = models("pull", "yolov4-tin")

    assert run.returncode == 2
    assert "there is no model 'yolov4-tin'; did you mean yolov4-tiny?" in run.stderr


def test_a_network_without_a_public_file_is_wrong_usage_and_the_message_names_the_page() -> None:
    for run in (models("pull", "deimv2-n"), command("detect", "a.jpg", "--model", "deimv2-n")):
        assert run.returncode == 2
        assert "deimv2-n cannot be downloaded" in run.stderr
        assert "docs/models.md, Exporting a network of the zoo" in run.stderr


def test_the_terms_of_a_binding_licence_are_told_on_stderr_before_the_download(
    tmp_path: Path,
) -> None:
    with FileServer().running() as gone:
        nowhere = {"https_proxy": gone.address, "HTTPS_PROXY": gone.address}
    run = models("pull", "yolo11n", folder=tmp_path, environment=nowhere)

    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr.startswith("yolo11n is under the AGPL-3.0: whoever distributes a program")


def test_our_own_model_cannot_be_pulled() -> None:
    run = models("pull", "fruits")

    assert run.returncode == 2
    assert f"fruits comes with the project, in {ROOT / 'demo' / 'fruits'}" in run.stderr


def test_the_error_names_a_target_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    run = models("pull", "yolov4-tiny", "--to", tmp_path / "file")

    assert run.returncode == 1
    assert f"{tmp_path / 'file'}" in run.stderr
    assert "Traceback" not in run.stderr


def test_detect_refuses_a_model_that_finds_no_objects() -> None:
    run = command("detect", "demo/street.jpg", "--model", "resnet50")

    assert run.returncode == 2
    assert "resnet50: a classifier/features model, which finds no objects" in run.stderr
