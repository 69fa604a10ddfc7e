"""Libraries inside packages are identified from their files."""

import pytest

from layers.bundled import WEBP, Bundled, compiled_in, shared_library
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
