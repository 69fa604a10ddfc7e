"""Libraries inside packages are identified from their files."""

import json
import platform
from collections.abc import Iterator
from importlib.metadata import files
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from layers.abi import read_needs
from layers.bundled import PILLOW, WEBP, Bundled, compiled_in, shared_library, within_library
from tests.layers.test_build import ROOT, pins

# OpenCV 5's build information, without the lines that are not read
SLIM = """\
General configuration for OpenCV 5.0.0 =====================================
  Version control:               sdist

    3rdparty dependencies:       libprotobuf libjpeg-turbo libwebp libpng libtiff zlib

  Media I/O:
    ZLib:                        build (ver 1.3.2)
    JPEG:                        build-libjpeg-turbo (ver 3.1.2-70)
    WEBP:                        build (ver decoder: 0x0210, encoder: 0x0210, demux: 0x0107)
    PNG:                         build (ver 1.6.57)
    TIFF:                        build (ver 42 - 4.7.1)

  Other third-party libraries:
    DNN MLAS:                    YES (SGEMM-only, vendored)
    Protobuf:                    build (3.19.1)
"""
STOCK = """\
General configuration for OpenCV 5.0.0 =====================================
    3rdparty dependencies:       ittnotify libtiff tegra_hal kleidicv_hal kleidicv

    ZLib:                        /usr/lib64/libz.so (ver 1.2.7)
    TIFF:                        build (ver 42 - 4.7.1)
  Trace:                         YES (with Intel ITT(3.25.4))
    DNN MLAS:                    NO
    Custom HAL:                  YES (carotene (ver 0.0.1) KleidiCV (ver 26.03))
    Flatbuffers:                 builtin/3rdparty (25.9.23)
"""


def binary(text: str) -> bytes:
    return b"\x7fELF\0\xff\xfe" + text.encode() + b"\0\0more\xff"


def versions(text: str) -> dict[str, str | None]:
    return {library.name: library.version for library in compiled_in(binary(text))}


def test_libraries_that_were_compiled_in_are_listed_with_their_versions() -> None:
    assert versions(SLIM) == {
        "libjpeg-turbo": "3.1.2",
        "libpng": "1.6.57",
        "libprotobuf": "3.19.1",
        "libtiff": "4.7.1",
        "libwebp": "1.6.0",
        "mlas": None,
        "zlib": "1.3.2",
    }


def test_libraries_of_the_host_are_not_listed() -> None:
    assert versions(STOCK) == {
        "flatbuffers": "25.9.23",
        "ittnotify": "3.25.4",
        "kleidicv": "26.03",
        "kleidicv_hal": "26.03",
        "libtiff": "4.7.1",
        "tegra_hal": "0.0.1",
    }


def test_an_unknown_library_is_listed_without_a_version() -> None:
    text = SLIM.replace("zlib\n", "zlib libjxl\n", 1)

    assert Bundled("libjxl", None, None) in compiled_in(binary(text))


def test_webps_version_is_unknown_for_an_opencv_that_is_not_in_the_table() -> None:
    assert versions(SLIM.replace("OpenCV 5.0.0", "OpenCV 5.9.0"))["libwebp"] is None


def test_webps_version_is_known_for_the_opencv_that_is_locked() -> None:
    version = pins(ROOT / "requirements.txt")["opencv-python-headless"]

    assert version.rpartition(".")[0] in WEBP


@pytest.mark.parametrize("data", [b"\x7fELF", b"General configuration for OpenCV 5.0.0 =\0"])
def test_a_binary_without_a_list_of_its_libraries_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="no list of the libraries that were compiled into it"):
        compiled_in(data)


@pytest.mark.parametrize(
    ("filename", "data", "expected"),
    [
        ("libgfortran-040039e1-0352e75f.so.5.0.0", b"", ("libgfortran", "5.0.0", "GPL-3.0-or")),
        ("libavcodec-e751de63.so.62.28.101", b"", ("libavcodec", "62.28.101", "LGPL-2.1-or")),
        ("libavif-ee9c4bdf.so.16.4.2", b"", ("libavif", "16.4.2", "BSD-2-Clause")),
        ("libopenblasp-r0-37b5f859.3.3.so", b"", ("libopenblasp", "0.3.3", "BSD-3-Clause")),
        (
            "libscipy_openblas64_-32a4b2a6.so",
            b"\0OpenBLAS 0.3.31.188.0 DYNAMIC_ARCH\0",
            ("libscipy_openblas64", "0.3.31.188.0", "BSD-3-Clause"),
        ),
        (
            "libcrypto-8ad0c0b6.so.1.1",
            b"\0OpenSSL 1.1.1w  11 Sep 2023\0",
            ("libcrypto", "1.1.1w", "OpenSSL"),
        ),
        ("libcrypto-5409cd36.so.1.1.1k", b"", ("libcrypto", "1.1.1k", "OpenSSL")),
        ("libheif-7a3e919c.so.1.23.0", b"", ("libheif", "1.23.0", "LGPL-3.0-or-later")),
        ("libde265-90fb0ce1.so.0.2.0", b"\x001.1.0\0", ("libde265", "1.1.0", "LGPL-3.0-or-later")),
        (
            "libjpeg-6dc8d115.so.62.4.0",
            b"libjpeg-turbo version 3.2.0 (build 20261016)",
            ("libjpeg", "3.2.0", "IJG AND BSD-3-Clause AND Zlib"),
        ),
        ("libtiff-20b7e810.so.6.3.0", b"LIBTIFF, Version 4.7.2\n", ("libtiff", "4.7.2", "libtiff")),
        ("libnew-0123abcd.so", b"", ("libnew", None, "")),
        ("libplain.so", b"", ("libplain.so", None, "")),
    ],
)
def test_shared_libraries_are_identified_by_auditwheels_names_and_their_content(
    filename: str, data: bytes, expected: tuple[str, str | None, str]
) -> None:
    library = shared_library(f"python/thing.libs/{filename}", data)

    name, version, licence = expected
    assert (library.name, library.version) == (name, version)
    assert (library.licence or "").startswith(licence)
    assert bool(library.licence) == bool(licence)


def test_libraries_under_the_lgpl_have_the_address_of_their_source() -> None:
    heif = shared_library("pi_heif.libs/libheif-7a3e919c.so.1.23.0", b"")
    tiff = shared_library("pillow.libs/libtiff-20b7e810.so.6.3.0", b"")

    assert heif.source == "https://github.com/strukturag/libheif/releases/tag/v1.23.0"
    assert tiff.source == ""


def test_libraries_inside_a_shared_one_are_listed() -> None:
    data = b"x1.5.3-0-gb546257\0AOMedia Project AV1 Encoder 3.14.1\0invalid scale for libyuv [%u]\0"

    assert [(part.name, part.version) for part in within_library("libavif", data)] == [
        ("dav1d", "1.5.3"),
        ("libaom", "3.14.1"),
        ("libyuv", None),
    ]
    assert within_library("libavif", b"avif") == []
    assert within_library("libheif", data) == []


def installed(package: str, pattern: str) -> Iterator[Path]:
    """The files of an installed package whose path matches a pattern."""
    for file in files(package) or ():
        if file.match(pattern):
            yield Path(str(file.locate()))


def test_pillows_libraries_have_the_versions_that_its_own_bill_of_materials_states() -> None:
    stated = PILLOW[pins(ROOT / "requirements.txt")["pillow"]]
    documents = [json.loads(path.read_text()) for path in installed("pillow", "*.cdx.json")]
    listed = {
        item["name"].lower(): item["version"].partition("-")[0]
        for document in documents
        for item in document["components"]
        if "version" in item
    }
    names = {"liblcms2": "little cms 2"}

    assert listed
    for library, version in stated.items():
        assert listed[names.get(library, library.lower())] == version


@pytest.mark.skipif(platform.system() != "Linux", reason="only Linux has ELF files")
def test_the_libraries_under_the_lgpl_are_shared_ones_that_can_be_replaced() -> None:
    """The extension of pi-heif contains no function of libheif, nor libheif one of libde265."""
    (extension,) = installed("pi-heif", "_pi_heif.*.so")
    (heif,) = installed("pi-heif", "libheif-*.so*")
    (de265,) = installed("pi-heif", "libde265-*.so*")

    for user, library, prefix in ((extension, heif, "heif_"), (heif, de265, "de265_")):
        assert library.name in read_needs(user.read_bytes()).libraries
        assert functions(library, prefix, defined=True)
        assert functions(user, prefix, defined=False)
        assert not functions(user, prefix, defined=True)


def functions(path: Path, prefix: str, *, defined: bool) -> set[str]:
    """The functions with a prefix that a library defines, or needs, by its tables of symbols."""
    with path.open("rb") as file:
        tables = [
            section
            for section in ELFFile(file).iter_sections()
            if section["sh_type"] in {"SHT_DYNSYM", "SHT_SYMTAB"}
        ]
        return {
            symbol.name
            for table in tables
            for symbol in table.iter_symbols()  # type: ignore[attr-defined]
            if symbol.name.startswith(prefix)
            and (symbol["st_shndx"] != "SHN_UNDEF") is defined
            and symbol["st_info"]["type"] == "STT_FUNC"
        }
