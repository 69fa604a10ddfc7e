"""The build scripts' arguments, and their agreement with the Dockerfile and the lock files."""

import os
import platform
import re
import subprocess
from pathlib import Path

import pytest

from layers.abi import is_too_new

ROOT = Path(__file__).parents[2]
LAYERS = ROOT / "layers"
OPENCV, ONNXRUNTIME = LAYERS / "opencv/build.sh", LAYERS / "onnxruntime/build.sh"
DOCKERFILE = (LAYERS / "opencv/Dockerfile").read_text()


def run(script: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [script, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=240,
    )


def pins(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^([\w-]+)==([\w.]+)", path.read_text(), re.MULTILINE))


@pytest.mark.parametrize("script", [OPENCV, ONNXRUNTIME])
def test_help_shows_the_usage(script: Path) -> None:
    done = run(script, "--help")

    assert done.returncode == 0
    assert done.stdout.startswith(f"usage: {script.relative_to(ROOT)}")


@pytest.mark.parametrize(
    ("script", "arguments", "message"),
    [
        (OPENCV, [], "slim or stock"),
        (OPENCV, ["fat"], "'fat' is neither"),
        (OPENCV, ["stock", "riscv64"], "'riscv64' is no architecture of Lambda"),
        (OPENCV, ["stock", "arm64", "x86_64"], "too many arguments: x86_64"),
        (ONNXRUNTIME, ["mips"], "'mips' is no architecture of Lambda"),
        (ONNXRUNTIME, ["arm64", "again"], "too many arguments: again"),
    ],
)
def test_wrong_usage_is_named_and_exits_with_2(
    script: Path, arguments: list[str], message: str
) -> None:
    done = run(script, *arguments)

    assert done.returncode == 2
    assert message in done.stderr.splitlines()[0]
    assert "usage: " in done.stderr
    assert done.stdout == ""


def test_slim_is_not_compiled_for_another_architecture() -> None:
    other = "x86_64" if platform.machine() in {"aarch64", "arm64"} else "arm64"

    done = run(OPENCV, "slim", other)

    assert done.returncode == 1
    assert "use layers/opencv/Dockerfile with --platform, or build stock" in done.stderr


def test_a_missing_python_is_named_with_the_variable_that_sets_it() -> None:
    done = run(OPENCV, "stock", LAYER_PYTHON="/nowhere/python3.13")

    assert done.returncode == 1
    assert "'/nowhere/python3.13' is not a working Python 3.13" in done.stderr
    assert "LAYER_PYTHON" in done.stderr


def test_the_image_has_the_python_that_wheels_are_chosen_for() -> None:
    (image,) = re.findall(r"^ARG IMAGE=(\S+)", DOCKERFILE, re.MULTILINE)
    (wheels,) = re.findall(r"--python-version=([\d.]+)", (LAYERS / "steps.sh").read_text())

    assert image == f"public.ecr.aws/lambda/python:{wheels}"
    assert f"python{wheels}" in run(OPENCV, "--help").stdout


def test_the_image_installs_only_the_compilers_that_the_script_checks_for() -> None:
    (installed,) = re.findall(r"dnf install -y ([^&]+) &&", DOCKERFILE)
    asked = re.findall(r"command -v (\S+)", OPENCV.read_text())

    assert asked == ["c++", "nasm"]
    assert installed.split() == ["gcc-c++", "nasm"]


def test_the_image_runs_the_same_script_with_the_same_locks() -> None:
    copied = {
        name for line in re.findall(r"^COPY (.+) \S+$", DOCKERFILE, re.M) for name in line.split()
    }
    sent = re.findall(r"^!(\S+)", (LAYERS / "opencv/Dockerfile.dockerignore").read_text(), re.M)
    script = OPENCV.read_text()

    assert f'{OPENCV.relative_to(ROOT)} "$KIND"' in DOCKERFILE
    assert copied - {"--from=build", "/project/layers/dist"} == set(sent)
    locks = {"requirements.txt", "requirements-dev.txt"}
    assert locks | {"layers", "lambda_function.py", "modules"} == set(sent)
    assert 'lock="$root/requirements.txt"' in script
    assert not re.search(r"\d+\.\d+\.\d+", DOCKERFILE + script), "versions belong in the locks"


def test_lambda_has_the_older_symbols_that_are_linked() -> None:
    header = (LAYERS / "opencv/older_symbols.h").read_text()
    versions = re.findall(r"@(GLIBC\w*_[\d.]+)", header)

    assert len(versions) == header.count(".symver")
    assert not any(map(is_too_new, versions))


@pytest.mark.parametrize(
    "name", ["requirements", "requirements-dev", "layers/opencv/requirements-build"]
)
def test_every_pin_is_locked_with_hashes(name: str) -> None:
    lock = ROOT / f"{name}.txt"

    assert pins(ROOT / f"{name}.in").items() <= pins(lock).items()
    for entry in re.split(r"\n(?=\S)", lock.read_text()):
        assert entry.startswith("#") or "--hash=sha256:" in entry


def test_every_package_that_the_scripts_look_up_is_locked() -> None:
    scripts = OPENCV.read_text() + ONNXRUNTIME.read_text() + (LAYERS / "steps.sh").read_text()
    locks = {"$lock": "requirements.txt", "$root/requirements-dev.txt": "requirements-dev.txt"}
    looked_up = re.findall(r'locked "([^"]+)" ([\w-]+)', scripts)

    assert {package for _, package in looked_up} == {
        "opencv-python-headless",
        "numpy",
        "onnxruntime",
        "pyelftools",
    }
    for lock, package in looked_up:
        assert package in pins(ROOT / locks[lock])
