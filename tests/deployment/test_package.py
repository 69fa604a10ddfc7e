"""The zip for Lambda holds the modules that the function imports, their bytecode, and one font.

A fresh process serves an image from the unpacked zip and lists the modules that it has loaded.
"""

import ast
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import cv2
import pytest

from modules.cli.local_aws.bucket import BUCKET, LocalBucket
from modules.models.folder import LocalFolder
from modules.models.loader import load_model
from modules.settings import Settings
from tests.colour_model import picture
from tests.conftest import ROOT
from tests.deployment.framework import Package, params, serverless

# models.trial is imported by a separate process of the function, so it is imported here, too
SERVE = """
import json, pathlib, sys
import lambda_function, modules.models.trial
done = []
for name in ("a.jpg", "a.png"):
    report = lambda_function.lambda_handler({"bucket": "pictures", "key": f"input/{name}"}, None)
    done += report["done"]
files = [getattr(module, "__file__", None) for module in sys.modules.values()]
packages = sorted({name.partition(".")[0] for name in sys.modules})
print(json.dumps({"done": done, "files": [file for file in files if file], "packages": packages}))
"""


FONT = "modules/object_detection/arabic.ttf"


def sources(archive: Path) -> set[str]:
    return {name for name in zipfile.ZipFile(archive).namelist() if name.endswith(".py")}


def rooms(names: set[str]) -> set[str]:
    """The folders of these files."""
    return {str(PurePosixPath(name).parent) for name in names}


@pytest.fixture
def archive(package: Callable[[str], Package]) -> Path:
    return package("default").archive


@pytest.fixture
def unpacked(archive: Path, tmp_path: Path) -> Path:
    """The unpacked zip."""
    zipfile.ZipFile(archive).extractall(tmp_path / "unpacked")
    return tmp_path / "unpacked"


@pytest.fixture
def served(unpacked: Path, bucket: LocalBucket, colour_model: Path) -> dict[str, list[str]]:
    """The packages and files that a fresh process has imported after serving a JPEG and a PNG."""
    bucket.upload_model(colour_model)
    for name in ("a.jpg", "a.png"):
        data = bytes(cv2.imencode(name[1:], picture(red=(2, 5)))[1])
        bucket.client.put_object(Bucket=BUCKET, Key=f"input/{name}", Body=data)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    run = subprocess.run(
        [sys.executable, "-c", SERVE],
        cwd=unpacked,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stderr
    answer: dict[str, list[str]] = json.loads(run.stdout.splitlines()[-1])
    assert answer["done"] == ["input/a.jpg", "input/a.png"]
    return answer


@pytest.fixture
def loaded(served: dict[str, list[str]], unpacked: Path) -> set[str]:
    """The files of the unpacked zip that have been imported."""
    files = (Path(file) for file in served["files"])
    return {str(file.relative_to(unpacked)) for file in files if file.is_relative_to(unpacked)}


def imported_by(names: set[str]) -> set[str]:
    """These files of the project and all that they import, also inside functions."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found and (ROOT / name).exists():
            found.add(name)
            waiting += _imports(name)
    return found


def _imports(name: str) -> list[str]:
    """The files that a module may import, and the __init__.py of the folders above each."""
    source = (ROOT / name).read_text()
    folder = PurePosixPath(name).parent.parts
    modules: list[tuple[str, ...]] = []
    is_registry = 'import_module(f".{' in source  # of modules of its folder, which it names
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and is_registry:
            module = str(node.value).replace("-", "_")
            modules += [(*folder, module)] if module.isidentifier() else []
        elif isinstance(node, ast.Import):
            modules += [tuple(alias.name.split(".")) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = folder[: len(folder) - node.level + 1] if node.level else ()
            base += tuple(node.module.split(".")) if node.module else ()
            modules += [(*base, alias.name) for alias in node.names]
    files = ["/".join(parts[:end]) for parts in modules for end in range(1, len(parts) + 1)]
    return [file for path in files for file in (f"{path}.py", f"{path}/__init__.py")]


def test_the_package_holds_what_the_function_imports_and_nothing_else(
    archive: Path, loaded: set[str]
) -> None:
    assert "lambda_function.py" in loaded
    assert sources(archive) == imported_by(loaded)


def test_each_packaged_room_is_used_while_an_image_is_served(
    archive: Path, loaded: set[str]
) -> None:
    assert rooms(sources(archive)) == rooms(loaded)


def test_a_jpeg_and_a_png_import_neither_pillow_nor_pi_heif(served: dict[str, list[str]]) -> None:
    assert {"PIL", "pi_heif", "cv2"} & set(served["packages"]) == {"cv2"}


def test_the_package_holds_sources_bytecode_and_the_font_only(archive: Path) -> None:
    names = set(zipfile.ZipFile(archive).namelist())

    assert {name for name in names if not name.endswith(".pyc")} == sources(archive) | {FONT}


def test_the_package_holds_the_bytecode_of_each_source(archive: Path) -> None:
    python = os.environ.get("LAYER_PYTHON", "python3.13")
    # pyenv has a command of this name even if no such Python is installed
    if not shutil.which(python) or subprocess.run([python, "--version"], check=False).returncode:
        pytest.skip("needs Python 3.13, which Lambda runs")
    content = zipfile.ZipFile(archive)
    places = {}
    for source in sources(archive):
        folder, _, name = source.rpartition("/")
        place = f"{folder}/__pycache__/{name}c".removeprefix("/")
        places[place.replace(".pyc", ".cpython-313.pyc")] = source

    assert set(places) == {name for name in content.namelist() if name.endswith(".pyc")}
    for place, source in places.items():
        # PEP 552: valid if it has the source's digest, which Python checks
        assert int.from_bytes(content.read(place)[4:8], "little") == 0b11, source


def test_a_bundled_model_is_in_the_package_and_is_used_without_a_request_for_it(
    package: Callable[[str], Package], bucket: LocalBucket, tmp_path: Path
) -> None:
    folder = ROOT / "demo" / "fruits"
    archive = package("bundled").archive
    zipfile.ZipFile(archive).extractall(tmp_path)
    photo = (ROOT / "demo" / "market-7.jpg").read_bytes()
    bucket.client.put_object(Bucket=BUCKET, Key="input/a.jpg", Body=photo)
    event = {"bucket": BUCKET, "key": "input/a.jpg"}

    run = subprocess.run(
        [sys.executable, "-c", f"import lambda_function as f; f.lambda_handler({event}, None)"],
        cwd=tmp_path,
        env={**os.environ, "MODEL": package("bundled").environment["MODEL"]},
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stderr
    answer = bucket.client.get_object(Bucket=BUCKET, Key="output/a.jpg.json")
    document = json.loads(answer["Body"].read())
    assert document["model"]["name"] == "fruits"
    assert document["model"]["digest"] == load_model(LocalFolder(folder), Settings()).digest
    assert document["detections"]
    names = {name for name in zipfile.ZipFile(archive).namelist() if name.startswith("bundled/")}
    files = {path.name for path in folder.iterdir()} | {"SHA256SUMS"}
    assert names == {f"bundled/fruits/{name}" for name in files}


def test_without_lambdas_python_the_package_is_made_and_the_missing_bytecode_reported(
    aws: dict[str, str], layers: Path, tmp_path: Path
) -> None:
    run = serverless(
        "package",
        "--package",
        tmp_path,
        *params(layerFolder=layers),
        environment={**aws, "LAYER_PYTHON": "no-such-python"},
    )

    assert run.returncode == 0, run.stdout + run.stderr
    assert "No bytecode in the package" in run.stdout + run.stderr
    assert "no-such-python is not installed" in run.stdout + run.stderr
