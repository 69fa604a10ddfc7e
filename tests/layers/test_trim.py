"""Files that the function never needs are deleted, and the others stay."""

import platform
import re
import sys
from fnmatch import fnmatch
from importlib.metadata import files
from pathlib import Path

import pytest

from layers.abi import find_problems
from layers.trim import UNUSED, trim

ROOT = Path(__file__).parents[2]
LEFT_OUT = re.findall(r"'!(modules/[^']+)'", (ROOT / "serverless.yml").read_text())
PACKAGED = [
    ROOT / "lambda_function.py",
    *(
        path
        for path in (ROOT / "modules").rglob("*.py")
        if not any(fnmatch(str(path.relative_to(ROOT)), pattern) for pattern in LEFT_OUT)
    ),
]

ARCHITECTURE = "arm64" if platform.machine() == "aarch64" else "x86_64"


def make(tree: Path, *names: str) -> None:
    for name in names:
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")


def left(tree: Path) -> set[str]:
    return {path.relative_to(tree).as_posix() for path in tree.rglob("*") if path.is_file()}


def test_tests_stubs_headers_and_programs_are_deleted(tmp_path: Path) -> None:
    make(
        tmp_path,
        "bin/f2py",
        "cv2/__init__.pyi",
        "cv2/data/haarcascade_eye.xml",
        "numpy/__init__.pxd",
        "numpy/_core/include/numpy/ndarrayobject.h",
        "numpy/_core/lib/libnpymath.a",
        "numpy/_core/tests/test_umath.py",
        "numpy/f2py/crackfortran.py",
        "obstore/fsspec.py",
        "PIL/ImageTk.py",
        "PIL/_imagingft.cpython-313-x86_64-linux-gnu.so",
        "pillow.libs/libfreetype-57f805ba.so.6.20.6",
        "onnxruntime/capi/libonnxruntime.so.1.31.1",
        "onnxruntime/transformers/optimizer.py",
    )

    trim(tmp_path)

    assert left(tmp_path) == set()


def test_code_and_libraries_stay(tmp_path: Path) -> None:
    needed = {
        "cv2/__init__.py",
        "cv2/cv2.abi3.so",
        "numpy/_core/_multiarray_umath.cpython-313-x86_64-linux-gnu.so",
        "numpy.libs/libscipy_openblas64_-32a4b2a6.so",
        "PIL/_avif.cpython-313-x86_64-linux-gnu.so",
        "PIL/_imaging.cpython-313-x86_64-linux-gnu.so",
        "PIL/_imagingcms.cpython-313-x86_64-linux-gnu.so",
        "PIL/ImageCms.py",
        "PIL/Jpeg2KImagePlugin.py",
        "pillow.libs/libxcb-9065bb12.so.1.1.0",  # _imaging needs it
        "pi_heif.libs/libheif-7a3e919c.so.1.23.0",
        "_pi_heif.cpython-313-x86_64-linux-gnu.so",
        "onnxruntime/capi/libonnxruntime_providers_shared.so",
        "onnxruntime/capi/onnxruntime_pybind11_state.cpython-313-x86_64-linux-gnu.so",
    }
    make(tmp_path, *needed)

    trim(tmp_path)

    assert left(tmp_path) == needed


def test_licences_and_versions_stay(tmp_path: Path) -> None:
    info = "numpy-2.4.6.dist-info"
    kept = {f"{info}/METADATA", f"{info}/licenses/LICENSE.txt", f"{info}/licenses/a/COPYING"}
    make(tmp_path, *kept, f"{info}/RECORD", f"{info}/INSTALLER", f"{info}/sboms/wheel.cdx.json")

    trim(tmp_path)

    assert left(tmp_path) == kept


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has ELF files")
@pytest.mark.parametrize("package", ["pillow", "pi-heif", "numpy"])
def test_what_is_left_needs_no_deleted_library_and_has_none_to_spare(
    package: str, tmp_path: Path
) -> None:
    for file in files(package) or ():
        if ".so" in file.name and not file.parts[0].startswith("."):
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / file).write_bytes(file.read_binary())
    before = set(find_problems(tmp_path, ARCHITECTURE))

    trim(tmp_path)

    assert list(tmp_path.glob("*.libs/*"))
    assert before == set()
    assert list(find_problems(tmp_path, ARCHITECTURE)) == []


DELETED_MODULE = re.compile(r"(numpy|PIL)/(\w+)\*?(\.py)?")


@pytest.mark.parametrize("part", [name for name in UNUSED if DELETED_MODULE.fullmatch(name)])
def test_the_function_does_not_use_what_is_deleted(part: str) -> None:
    assert "modules/spark/**" in LEFT_OUT
    match = DELETED_MODULE.fullmatch(part)
    assert match
    package, name = match[1], match[2]
    used = re.compile(rf"\b({package}|np)\.{name}\b|from {package} import .*\b{name}\b")

    assert [path.name for path in PACKAGED if used.search(path.read_text())] == []
