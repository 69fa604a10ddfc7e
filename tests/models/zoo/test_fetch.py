import fcntl
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from modules.errors import DownloadError
from modules.models.zoo import download
from modules.models.zoo.catalogue import MODELS
from modules.models.zoo.darknet import DARKNET
from modules.models.zoo.fetch import pull
from modules.models.zoo.model import RemoteFile, ZooModel
from modules.object_detection.darknet.cfg import parse_cfg
from modules.object_detection.darknet.layers import build_network
from tests.file_server import FileServer

CONTENTS = {"small.cfg": b"[net]", "small.weights": b"\0" * 100_000, "small.names": b"a\n"}


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "_PAUSES", (0.0, 0.0, 0.0))
    monkeypatch.delenv("MODEL_MIRROR", raising=False)


@pytest.fixture
def public() -> Iterator[FileServer]:
    with FileServer(dict(CONTENTS)).running() as server:
        yield server


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    with FileServer().running() as server:
        monkeypatch.setenv("MODEL_MIRROR", f"{server.address}/")
        yield server


@pytest.fixture
def model(public: FileServer) -> ZooModel:
    """A model that is downloaded from the server `public`."""
    files = tuple(
        RemoteFile(name, f"{public.address}/", sha256(data).hexdigest(), len(data))
        for name, data in CONTENTS.items()
    )
    return ZooModel("small", "YOLO", (8, 8), "none", files)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_model_is_downloaded_into_a_folder_with_its_name(
    model: ZooModel, public: FileServer, tmp_path: Path
) -> None:
    folder = pull(model, tmp_path / "models")

    assert folder == tmp_path / "models" / "small"
    assert contents(folder) == CONTENTS
    assert [path.name for path in folder.parent.iterdir()] == ["small"]


def test_correct_files_are_not_downloaded_again(
    model: ZooModel, public: FileServer, tmp_path: Path
) -> None:
    pull(model, tmp_path)
    del public.requests[:]

    pull(model, tmp_path)

    assert public.requests == []


def test_only_wrong_and_missing_files_are_downloaded_into_an_existing_folder(
    model: ZooModel, public: FileServer, tmp_path: Path
) -> None:
    folder = pull(model, tmp_path)
    (folder / "small.weights").write_bytes(b"\1" * 100_000)
    (folder / "small.names").unlink()
    (folder / "model.json").write_text("{}")
    del public.requests[:]

    pull(model, tmp_path)

    assert [path for path, _ in public.requests] == ["/small.weights", "/small.names"]
    assert contents(folder) == {**CONTENTS, "model.json": b"{}"}


def test_the_folder_appears_only_when_complete_and_the_next_run_resumes(
    model: ZooModel, public: FileServer, tmp_path: Path
) -> None:
    public.cuts = [len(CONTENTS["small.cfg"]), 100, 100, 100, 100]
    with pytest.raises(DownloadError, match=r"small\.weights: the connection broke after"):
        pull(model, tmp_path)
    assert not (tmp_path / "small").exists()
    del public.requests[:]

    pull(model, tmp_path)

    assert public.requests == [("/small.weights", "bytes=400-"), ("/small.names", None)]
    assert contents(tmp_path / "small") == CONTENTS


@pytest.mark.parametrize("layout", ["small/{}", "{}"])
def test_the_mirror_is_tried_before_the_public_address(
    model: ZooModel, public: FileServer, mirror: FileServer, tmp_path: Path, layout: str
) -> None:
    mirror.files = {layout.format(name): data for name, data in CONTENTS.items()}
    notes: list[str] = []

    assert contents(pull(model, tmp_path, note=notes.append)) == CONTENTS
    assert (public.requests, notes) == ([], [])


@pytest.mark.parametrize("layout", ["small", "."])
def test_the_mirror_may_be_a_folder(
    model: ZooModel,
    public: FileServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    layout: str,
) -> None:
    folder = tmp_path / "a mirror" / layout
    folder.mkdir(parents=True)
    for name, data in CONTENTS.items():
        (folder / name).write_bytes(data)
    monkeypatch.setenv("MODEL_MIRROR", str(tmp_path / "a mirror"))

    assert contents(pull(model, tmp_path)) == CONTENTS
    assert public.requests == []


def test_a_file_that_the_mirror_lacks_comes_from_the_public_address_with_a_note(
    model: ZooModel, public: FileServer, mirror: FileServer, tmp_path: Path
) -> None:
    mirror.files = {"small.cfg": CONTENTS["small.cfg"], "small/small.names": b"a\n"}
    notes: list[str] = []

    assert contents(pull(model, tmp_path, note=notes.append)) == CONTENTS
    assert public.requests == [("/small.weights", None)]
    (note,) = notes
    assert f"{mirror.address}/small/small.weights: 404" in note
    assert f"{mirror.address}/small.weights: 404" in note
    assert f"trying {public.address}/small.weights" in note


def test_a_missing_mirror_folder_is_skipped_with_a_note(
    model: ZooModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_MIRROR", str(tmp_path / "none"))
    notes: list[str] = []

    assert contents(pull(model, tmp_path, note=notes.append)) == CONTENTS
    assert len(notes) == 3
    assert "No such file" in notes[0]


def test_a_wrong_file_on_the_mirror_is_skipped_with_a_note(
    model: ZooModel, mirror: FileServer, tmp_path: Path
) -> None:
    mirror.files = {**CONTENTS, "small.weights": b"<html>"}
    notes: list[str] = []

    assert contents(pull(model, tmp_path, note=notes.append)) == CONTENTS
    (note,) = notes
    assert f"{mirror.address}/small.weights: its SHA-256 is" in note


def test_an_unreachable_mirror_is_tried_once_and_then_skipped(
    model: ZooModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FileServer().running() as gone:
        monkeypatch.setenv("MODEL_MIRROR", gone.address)
    notes: list[str] = []

    assert contents(pull(model, tmp_path, note=notes.append)) == CONTENTS
    (note,) = notes
    assert f"MODEL_MIRROR: {gone.address}/small/small.cfg: " in note


def test_the_error_for_a_file_that_no_address_has_suggests_a_mirror(
    model: ZooModel, public: FileServer, tmp_path: Path
) -> None:
    del public.files["small.weights"]

    with pytest.raises(
        DownloadError, match=r"/small\.weights: 404 .* MODEL_MIRROR .*small/small\.weights"
    ):
        pull(model, tmp_path)


def test_the_error_names_a_folder_that_cannot_be_created(model: ZooModel, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(DownloadError, match=r"/file/\.small\.part: .*Not a directory"):
        pull(model, tmp_path / "file")


def test_a_second_process_does_not_write_the_same_files(model: ZooModel, tmp_path: Path) -> None:
    staging = tmp_path / ".small.part"
    staging.mkdir()
    handle = os.open(staging, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)

    with pytest.raises(DownloadError, match="another process is downloading"):
        pull(model, tmp_path)

    os.close(handle)
    assert contents(pull(model, tmp_path)) == CONTENTS


def test_a_file_may_have_another_name_at_its_address(public: FileServer, tmp_path: Path) -> None:
    public.files = {"onnx/model.onnx": b"onnx"}
    digest = sha256(b"onnx").hexdigest()
    file = RemoteFile("small.onnx", f"{public.address}/onnx/", digest, 4, "model.onnx")

    folder = pull(ZooModel("small", "YOLO", (8, 8), "none", (file,)), tmp_path)

    assert contents(folder) == {"small.onnx": b"onnx"}


def test_what_the_files_do_not_tell_is_written_to_model_json_unless_there_is_one(
    model: ZooModel, tmp_path: Path
) -> None:
    described = replace(model, description={"input": 640, "names": ["犬"]})
    folder = pull(described, tmp_path)
    first = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text("{}")
    (folder / "small.names").unlink()

    pull(described, tmp_path)

    assert first == {"input": 640, "names": ["犬"]}
    assert contents(folder) == {**CONTENTS, "model.json": b"{}"}


def test_the_terms_of_a_licence_are_told_before_the_download_and_only_then(
    model: ZooModel, public: FileServer, tmp_path: Path
) -> None:
    requests_then: list[int] = []
    notes: list[str] = []

    def note(text: str) -> None:
        requests_then.append(len(public.requests))
        notes.append(text)

    for _ in range(2):
        pull(replace(model, terms="under the AGPL-3.0: programs are bound"), tmp_path, note=note)

    assert notes == ["small is under the AGPL-3.0: programs are bound"]
    assert requests_then == [0]


@pytest.mark.parametrize("name", [model.name for model in DARKNET])
def test_the_catalogue_agrees_with_the_real_cfg_files(
    name: str, shared: Callable[[str], Path], tmp_path: Path
) -> None:
    cfg, weights, names = MODELS[name].files
    is_here = name.startswith("yolo-fastest")
    data = shared(f"models/{name}/{cfg.name}" if is_here else f"cfg/{cfg.name}").read_bytes()
    labels = shared("models/yolo-fastest-1.1/coco.names").read_bytes()

    assert (len(data), sha256(data).hexdigest()) == (cfg.size, cfg.sha256)
    assert (len(labels), sha256(labels).hexdigest()) == (names.size, names.sha256)
    network = build_network(*parse_cfg(data.decode()))
    assert (network.input.width, network.input.height) == MODELS[name].input_size
    values = sum(layer.values for layer in network.weights)
    assert weights.size == 20 + 4 * values  # version 0.2: a header of 20 bytes


def test_a_real_model_is_copied_from_a_mirror_folder(
    shared: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = shared("models/yolo-fastest-1.1")
    monkeypatch.setenv("MODEL_MIRROR", str(source.parent))

    assert contents(pull(MODELS[source.name], tmp_path)) == contents(source)
