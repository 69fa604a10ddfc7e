"""The locks hold each package's wheel in layers/wheels.txt, for both architectures of Lambda."""

import re
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import canonicalize_name, parse_wheel_filename

ROOT = Path(__file__).parents[2]
PYTHON = {"python_version": "3.13", "python_full_version": "3.13.0"}
LISTED = [line.split() for line in (ROOT / "layers/wheels.txt").read_text().splitlines()]


def locked(path: Path) -> dict[tuple[str, str], set[str]]:
    """Returns the hashes of a lock file's packages for Lambda's Python, by name and version."""
    found = {}
    for entry in re.split(r"\n(?=\S)", path.read_text()):
        for name, version, marker in re.findall(r"^([\w.-]+)==(\S+)(?: ; (.+?))? \\", entry):
            if not marker or Marker(marker).evaluate(PYTHON):
                found[name, version] = set(re.findall(r"--hash=sha256:([0-9a-f]{64})", entry))
    return found


LOCK = locked(ROOT / "requirements.txt")
(ONNXRUNTIME,) = (
    {key: hashes}
    for key, hashes in locked(ROOT / "requirements-dev.txt").items()
    if key[0] == "onnxruntime"
)


def lambda_tags(machine: str) -> set[Tag]:
    """Returns the tags that Python 3.13 installs on Amazon Linux 2023, which has glibc 2.34."""
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in range(34, 16, -1)]
    platforms.append(f"manylinux2014_{machine}")
    python = (3, 13)
    return {*cpython_tags(python, None, platforms), *compatible_tags(python, "cp313", platforms)}


@pytest.mark.parametrize(("arch", "machine"), [("x86_64", "x86_64"), ("arm64", "aarch64")])
def test_every_package_has_one_wheel_that_lambda_can_install(arch: str, machine: str) -> None:
    wheels = {}
    for _, sha256, filename in (line for line in LISTED if line[0] == arch):
        name, version, _, tags = parse_wheel_filename(filename)
        assert tags & lambda_tags(machine), filename
        assert (canonicalize_name(name), str(version)) not in wheels
        wheels[canonicalize_name(name), str(version)] = sha256

    expected = LOCK | ONNXRUNTIME
    assert wheels.keys() == expected.keys()
    for package, sha256 in wheels.items():
        assert sha256 in expected[package], package


def test_make_lock_makes_every_lock() -> None:
    makefile = (ROOT / "Makefile").read_text()
    recipe = re.search(r"^lock:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    assert recipe

    for path in ROOT.glob("**/requirements*.in"):
        if not path.relative_to(ROOT).parts[0].startswith((".", "node_modules")):
            assert str(path.relative_to(ROOT).with_suffix("")) in recipe[1]
    assert "layers/wheels.sh" in recipe[1]
