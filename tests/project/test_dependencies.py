"""Which module imports what, where import-linter's contracts in pyproject.toml cannot say it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

CORE = sorted((ROOT / "modules" / "object_detection").rglob("*.py"))
ENGINES = {"onnxruntime.py": {"onnxruntime"}}
# They read what OpenCV does not; only images/ may import them, and only for such a picture
PICTURE_LIBRARIES = {"PIL", "pi_heif"}


def imports(path: Path) -> set[str]:
    """Returns the absolute name of every module that a file imports, also inside functions."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = list(package[: len(package) - node.level + 1]) if node.level else []
            found.add(".".join([*base, *((node.module or "").split("."))]).strip("."))
    return found


def imports_at_once(path: Path) -> set[str]:
    """Returns the names of the modules that a file imports when it is imported itself."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def run_python(code: str) -> None:
    subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, env={"AWS_DEFAULT_REGION": "us-east-1"}
    )


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(CORE[0].parent)))
def test_the_core_imports_only_numpy_cv2_the_standard_library_and_our_errors(path: Path) -> None:
    allowed = {"numpy", "cv2", *sys.stdlib_module_names} | ENGINES.get(path.name, set())
    if path.parent.name == "images":
        allowed |= PICTURE_LIBRARIES

    for name in imports(path):
        is_own = name == "modules.errors" or name.startswith("modules.object_detection")
        assert is_own or name.split(".")[0] in allowed, f"{path.name} imports {name}"


def test_libraries_for_rare_pictures_are_imported_only_when_such_a_picture_comes() -> None:
    users = [path for path in CORE if PICTURE_LIBRARIES & {n.split(".")[0] for n in imports(path)}]

    assert users
    for path in users:
        at_once = {name.split(".")[0] for name in imports_at_once(path)}
        assert not at_once & PICTURE_LIBRARIES, path


def test_no_module_imports_the_lambda_entry_point() -> None:
    # the local bucket imports it by name, to run events through the real handler
    for path in (ROOT / "modules").rglob("*.py"):
        assert "lambda_function" not in imports(path), path


@pytest.mark.parametrize(
    "package", ["boto3", "onnxruntime", "moto", "rich", "onnx", "PIL", "pi_heif"]
)
def test_an_image_can_be_processed_without(package: str) -> None:
    run_python(
        f"import sys; sys.modules[{package!r}] = None; "
        "import modules.results.pipeline, modules.storage.bucket"
    )


@pytest.mark.parametrize(
    "package", ["onnxruntime", "moto", "rich", "onnx", "PIL", "pi_heif", "pyspark"]
)
def test_the_function_does_not_load(package: str) -> None:
    run_python(f"import sys, lambda_function; sys.exit({package!r} in sys.modules)")


def test_a_cold_start_loads_nothing_for_http_requests() -> None:
    run_python(
        "import sys, lambda_function; "
        "sys.exit(any(name.rpartition('.')[2].startswith('http_') for name in sys.modules"
        " if name.startswith('modules.')))"
    )


def test_the_model_is_requested_before_numpy_and_opencv_are_imported() -> None:
    run_python(
        "import sys; sys.modules['numpy'] = sys.modules['cv2'] = None; "
        "import modules.function.application, modules.models.store, modules.storage.client"
    )


def test_a_function_with_a_bundled_model_imports_its_client_while_it_starts() -> None:
    run_python(
        "import os, sys, time; os.environ['MODEL'] = 'bundled'; import lambda_function\n"
        "while 'obstore.store' not in sys.modules: time.sleep(0.01)\n"
        "os._exit(0)"
    )
