"""Holds the arrows of the design: who may import whom."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SOURCES = sorted([ROOT / "lambda_function.py", *(ROOT / "modules").rglob("*.py")])


def imports(path: Path) -> set[str]:
    """Everything that a module imports at any place of it, by absolute name."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = list(package[: len(package) - node.level + 1]) if node.level else []
            found.add(".".join([*base, *((node.module or "").split("."))]).strip("."))
    return found


def importers(name: str) -> set[str]:
    return {
        str(path.relative_to(ROOT))
        for path in SOURCES
        if any(found == name or found.startswith(f"{name}.") for found in imports(path))
    }


@pytest.mark.parametrize(
    "path",
    [path for path in SOURCES if "object_detection" in path.parts],
    ids=lambda path: path.name,
)
def test_the_core_imports_numpy_cv2_and_the_standard_library_alone(path: Path) -> None:
    allowed = {"numpy", "cv2", *sys.stdlib_module_names}
    allowed |= {"onnxruntime"} if path.name == "engines.py" else set()

    for name in imports(path):
        is_own = name.startswith("modules.object_detection")
        assert is_own or name.split(".")[0] in allowed, f"{path.name} imports {name}"


def test_boto3_is_for_storage_and_the_commands() -> None:
    allowed = {"modules/storage/client.py", "modules/storage/object_stream.py"}

    for name in ("boto3", "botocore"):
        others = {path for path in importers(name) if not path.startswith("modules/cli/")}
        assert others <= allowed


def test_nobody_imports_the_entry_points() -> None:
    assert importers("modules.cli") <= {"modules/__main__.py"} | {
        str(path.relative_to(ROOT)) for path in (ROOT / "modules" / "cli").rglob("*.py")
    }
    assert importers("lambda_function") == set()


def test_spark_is_for_the_batch_jobs_alone() -> None:
    assert all(path.startswith("modules/spark/") for path in importers("pyspark"))


@pytest.mark.parametrize("module", ["boto3", "onnxruntime", "moto", "rich", "onnx", "PIL"])
def test_the_core_loads_without(module: str) -> None:
    code = (
        f"import sys; sys.modules[{module!r}] = None; "
        "import modules.results.pipeline, modules.storage.bucket"
    )

    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@pytest.mark.parametrize("module", ["onnxruntime", "moto", "rich", "onnx", "PIL", "pyspark"])
def test_the_function_loads_nothing_that_it_does_not_need(module: str) -> None:
    code = f"import sys, lambda_function; sys.exit({module!r} in sys.modules)"

    subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, env={"AWS_DEFAULT_REGION": "us-east-1"}
    )


def test_a_model_is_sent_for_before_numpy_and_opencv_are_imported() -> None:
    code = (
        "import sys; sys.modules['numpy'] = sys.modules['cv2'] = None; "
        "import modules.models.store, modules.settings, modules.storage.client"
    )

    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
