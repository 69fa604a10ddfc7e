"""A layer's bill of materials lists what is in its zip, and is valid by CycloneDX's schema."""

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from layers import bundled
from layers.licences import LicenceError
from layers.sbom import describe, main
from tests.layers.test_bundled import SLIM, binary
from tests.layers.test_wheels import LOCK

ROOT = Path(__file__).parents[2]
DIST = ROOT / "layers/dist"
FILES = {
    "python/cv2/__init__.py": b"import numpy\n",
    "python/cv2/python-3/cv2.abi3.so": binary(SLIM),
    "python/numpy/__init__.py": b"",
    "python/numpy.libs/libgfortran-040039e1-0352e75f.so.5.0.0": b"\x7fELF",
    "python/numpy-2.4.6.dist-info/METADATA": (
        b"Name: numpy\nVersion: 2.4.6\nLicense-Expression: BSD-3-Clause AND MIT\n"
    ),
    "python/opencv_python_headless-5.0.0.93.dist-info/METADATA": (
        b"Name: opencv-python-headless\nVersion: 5.0.0.93\nLicense: Apache 2.0\n"
        b'Requires-Dist: numpy>=2; python_version >= "3.9"\nRequires-Dist: six\n'
        b'Requires-Dist: numpy-extras; extra == "all"\n\nLicense: GPL, says the description\n'
    ),
}
WHEEL = "numpy-2.4.6-cp313-cp313-manylinux_2_28_x86_64.whl"
REPORT = {
    "install": [
        {
            "metadata": {"name": name},
            "download_info": {
                "url": f"https://files.example/ab/{file}",
                "archive_info": {"hashes": {"sha256": digest * 32}},
            },
        }
        for name, file, digest in (
            ("numpy", WHEEL, "ab"),
            ("opencv-python-headless", "opencv_python_headless-5.0.0.93-any.whl", "cd"),
        )
    ]
}


def make_layer(path: Path, files: dict[str, bytes] = FILES) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return path


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    return make_layer(tmp_path / "opencv-slim-x86_64.zip")


@pytest.fixture
def document(layer: Path) -> dict[str, Any]:
    return describe(layer, REPORT, ["opencv-python-headless"])


def component(document: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (item for item in document["components"] if item["name"] == name)
    return dict(found)


def assert_valid(document: dict[str, Any]) -> None:
    errors = JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(document))
    assert errors is None, errors


def test_the_schema_accepts_it(document: dict[str, Any]) -> None:
    assert_valid(document)


def test_it_holds_the_hash_of_the_zip(document: dict[str, Any], layer: Path) -> None:
    subject = document["metadata"]["component"]

    assert subject["name"] == "opencv-slim-x86_64"
    assert subject["hashes"][0]["content"] == hashlib.sha256(layer.read_bytes()).hexdigest()


def test_a_package_has_its_version_licence_and_wheel(document: dict[str, Any]) -> None:
    numpy = component(document, "numpy")

    assert numpy["version"] == "2.4.6"
    assert numpy["licenses"] == [{"expression": "BSD-3-Clause AND MIT"}]
    assert numpy["purl"] == f"pkg:pypi/numpy@2.4.6?file_name={WHEEL}"
    (reference,) = numpy["externalReferences"]
    assert reference["hashes"] == [{"alg": "SHA-256", "content": "ab" * 32}]


def test_a_package_that_was_compiled_here_has_no_wheel(document: dict[str, Any]) -> None:
    opencv = component(document, "opencv-python-headless")

    assert opencv["purl"] == "pkg:pypi/opencv-python-headless@5.0.0.93"
    assert "externalReferences" not in opencv


def test_libraries_are_listed_inside_their_package_with_their_place(
    document: dict[str, Any],
) -> None:
    (gfortran,) = component(document, "numpy")["components"]
    within = component(document, "opencv-python-headless")["components"]

    assert gfortran["version"] == "5.0.0"
    assert gfortran["hashes"][0]["content"] == hashlib.sha256(b"\x7fELF").hexdigest()
    assert {item["name"] for item in within} >= {"libjpeg-turbo", "libwebp", "zlib"}
    places = {item["evidence"]["occurrences"][0]["location"] for item in within}
    assert places == {"python/cv2/python-3/cv2.abi3.so"}


def test_packages_depend_on_the_packages_of_the_layer_that_they_require(
    document: dict[str, Any],
) -> None:
    needs = {item["ref"]: item.get("dependsOn") for item in document["dependencies"]}

    assert needs == {
        "opencv-slim-x86_64": ["numpy", "opencv-python-headless"],
        "numpy": None,
        "opencv-python-headless": ["numpy"],
    }


def test_equal_layers_have_equal_documents_and_different_layers_do_not(tmp_path: Path) -> None:
    documents = []
    for folder, files in (("a", FILES), ("b", FILES), ("c", {**FILES, "python/six.py": b""})):
        (tmp_path / folder).mkdir()
        layer = make_layer(tmp_path / folder / "layer.zip", files)
        if folder == "c":
            files = {**files, "python/six-1.dist-info/METADATA": b"Name: six\nLicense: MIT\n"}
            layer = make_layer(layer, files)
        (tmp_path / "report.json").write_text(json.dumps(REPORT))
        main([str(layer), str(tmp_path / "report.json")])
        documents.append((tmp_path / folder / "layer.cdx.json").read_text())

    assert documents[0] == documents[1]
    assert json.loads(documents[0])["serialNumber"] != json.loads(documents[2])["serialNumber"]


def test_a_file_that_belongs_to_no_package_is_refused(tmp_path: Path) -> None:
    layer = make_layer(tmp_path / "layer.zip", {**FILES, "python/left_over.py": b""})

    with pytest.raises(ValueError, match=r"left-over is in layer\.zip, and no package"):
        describe(layer, REPORT)


HEIF = {
    "python/pi_heif/__init__.py": b"",
    "python/pi_heif.libs/libheif-7a3e919c.so.1.23.0": b"\x7fELF",
    "python/_pi_heif.cpython-313-x86_64-linux-gnu.so": b"\x7fELF",
    "python/pi_heif-1.4.0.dist-info/METADATA": (
        b"Name: pi_heif\nVersion: 1.4.0\nLicense: BSD-3-Clause\n"
        b"Classifier: License :: OSI Approved :: GNU Lesser General Public License v3 (LGPLv3)\n"
        b"Requires-Dist: pillow>=11.1.0\n"
    ),
}
PILLOW = {
    "python/PIL/Image.py": b"",
    "python/pillow.libs/libavif-c6062d5f.so.16.4.2": b"AOMedia Project AV1 Encoder 3.14.1\0",
    "python/pillow-13.0.0.dist-info/METADATA": (
        b"Name: pillow\nVersion: 13.0.0\nLicense-Expression: MIT-CMU\n"
    ),
}


def test_a_library_under_the_lgpl_is_named_with_the_place_of_its_source(tmp_path: Path) -> None:
    document = describe(make_layer(tmp_path / "layer.zip", {**HEIF, **PILLOW}), {})

    assert_valid(document)
    package = component(document, "pi-heif")
    (library,) = package["components"]
    assert package["licenses"] == [{"expression": "BSD-3-Clause"}]
    assert (library["name"], library["version"]) == ("libheif", "1.23.0")
    assert library["licenses"] == [{"expression": "LGPL-3.0-or-later"}]
    (source,) = library["externalReferences"]
    assert source["type"] == "source-distribution"
    assert source["url"] == "https://github.com/strukturag/libheif/releases/tag/v1.23.0"
    assert {"ref": "pi-heif", "dependsOn": ["pillow"]} in document["dependencies"]


def test_libraries_that_were_compiled_into_a_shared_one_are_listed(tmp_path: Path) -> None:
    document = describe(make_layer(tmp_path / "layer.zip", PILLOW), {})

    within = component(document, "pillow")["components"]
    assert [(part["name"], part["version"]) for part in within] == [
        ("libavif", "1.4.2"),
        ("libaom", "3.14.1"),
    ]


def test_a_library_under_the_gpl_or_a_compiled_in_one_under_the_lgpl_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = make_layer(tmp_path / "layer.zip", {**HEIF, **PILLOW})

    monkeypatch.setitem(bundled._LICENCES, "libheif", "GPL-2.0-only")
    with pytest.raises(LicenceError, match=r"libheif is a shared library and under GPL-2\.0-only"):
        describe(layer, {})
    monkeypatch.setitem(bundled._LICENCES, "libheif", "LGPL-3.0-or-later")
    monkeypatch.setitem(bundled._LICENCES, "libaom", "LGPL-3.0-or-later")
    with pytest.raises(LicenceError, match=r"libaom is compiled in and under LGPL-3\.0-or-later"):
        describe(layer, {})


def test_a_package_without_a_licence_is_refused(tmp_path: Path) -> None:
    files = {**FILES, "python/numpy-2.4.6.dist-info/METADATA": b"Name: numpy\nVersion: 2.4.6\n"}

    with pytest.raises(LicenceError, match=r"numpy 2\.4\.6 states as its licence: nothing"):
        describe(make_layer(tmp_path / "layer.zip", files), REPORT)


def test_layers_that_were_built_are_described() -> None:
    built = sorted(DIST.glob("*.zip"))
    if not built:
        pytest.skip("needs a layer that `make layer` built")
    for layer in built:
        document = describe(layer, {})

        assert_valid(document)
        names = [item["name"] for item in document["components"]]
        onnxruntime = layer.name.startswith("onnxruntime")
        expected = ["onnxruntime"] if onnxruntime else [name for name, _ in LOCK]
        assert names == sorted(expected)
        within = [part for item in document["components"] for part in item.get("components", ())]
        if not onnxruntime:
            libraries = {part["name"] for part in within}
            assert {"libjpeg-turbo", "libtiff", "libwebp"} <= libraries
            assert {"dav1d", "libavif", "libopenjp2", "liblcms2"} <= libraries
            assert {"libde265", "libheif"} <= libraries
        files = set(zipfile.ZipFile(layer).namelist())
        for part in within:
            assert part["licenses"], part["name"]
            assert "version" in part or part["name"] in {"mlas", "libyuv"}, part["name"]
            if "LGPL" in part["licenses"][0]["expression"]:
                assert part["externalReferences"], part["name"]
                folder = part["evidence"]["occurrences"][0]["location"].partition(".libs/")[0]
                notices = [name for name in files if name.startswith(f"{folder}-")]
                assert any(name.endswith("/licenses/NOTICE-LGPL.txt") for name in notices)


@pytest.mark.parametrize("path", sorted(DIST.glob("*.cdx.json")), ids=lambda path: path.name)
def test_the_documents_of_built_layers_are_valid_and_fit_their_zips(path: Path) -> None:
    document = json.loads(path.read_text())

    assert_valid(document)
    layer = path.with_name(path.name.replace(".cdx.json", ".zip"))
    digest = hashlib.sha256(layer.read_bytes()).hexdigest()
    assert document["metadata"]["component"]["hashes"][0]["content"] == digest
    wheels = (ROOT / "layers/wheels.txt").read_text()
    for item in document["components"]:
        for reference in item.get("externalReferences", ()):
            assert f"{reference['hashes'][0]['content']} {reference['comment']}" in wheels
