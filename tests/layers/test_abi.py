"""The check finds shared libraries that Lambda could not load, on any host."""

import platform
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from layers.abi import find_problems, is_too_new, main, read_needs

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has ELF files")

HERE, ELSEWHERE = "x86_64", "arm64"
if platform.machine() == "aarch64":
    HERE, ELSEWHERE = ELSEWHERE, HERE


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A copy of one of NumPy's libraries, which needs only libraries of the system."""
    (source,) = Path(np.__file__).parent.glob("fft/_pocketfft_umath.*.so")
    copy = tmp_path / "python" / "numpy" / source.name
    copy.parent.mkdir(parents=True)
    copy.write_bytes(source.read_bytes())
    return copy


def rename(library: Path, old: bytes, new: bytes) -> None:
    data = library.read_bytes()
    assert len(old) == len(new)
    assert old + b"\0" in data
    library.write_bytes(data.replace(old + b"\0", new + b"\0"))


def test_the_needs_of_a_real_library_are_read(library: Path) -> None:
    needs = read_needs(library.read_bytes())

    assert needs.machine == {"x86_64": 62, "aarch64": 183}[platform.machine()]
    assert {"libc.so.6", "libstdc++.so.6"} <= needs.libraries
    assert ("libc.so.6", "GLIBC_2.14" if HERE == "x86_64" else "GLIBC_2.17") in needs.versions
    assert all(
        version.startswith("GLIBC_") for name, version in needs.versions if name == "libc.so.6"
    )


def test_a_published_wheel_has_no_problems(library: Path) -> None:
    assert list(find_problems(library.parents[1], HERE)) == []
    main(library.parents[1], HERE)


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("GLIBC_2.2.5", False),
        ("GLIBC_2.34", False),
        ("GLIBC_2.35", True),
        ("GLIBC_2.100", True),
        ("GLIBC_ABI_DT_RELR", True),
        ("GLIBCXX_3.4", False),
        ("GLIBCXX_3.4.29", False),
        ("GLIBCXX_3.4.30", True),
        ("CXXABI_1.3.13", False),
        ("CXXABI_1.3.14", True),
        ("CXXABI_FLOAT128", False),
        ("GCC_3.0", False),
        ("GCC_12.0.0", True),
        ("GFORTRAN_8", False),
    ],
)
def test_amazon_linux_2023_has_glibc_2_34_and_gcc_11(version: str, expected: bool) -> None:
    assert is_too_new(version) is expected


def test_a_library_compiled_on_a_newer_linux_is_named_with_what_it_needs(library: Path) -> None:
    old = b"GLIBC_2.14" if HERE == "x86_64" else b"GLIBC_2.17"
    rename(library, old, b"GLIBC_2.36")

    (problem,) = find_problems(library.parents[1], HERE)

    assert library.name in problem
    assert "needs GLIBC_2.36, which Lambda's Amazon Linux 2023 does not have" in problem
    with pytest.raises(SystemExit, match=r"GLIBC_2\.36"):
        main(library.parents[1], HERE)


def test_a_library_for_another_processor_is_named(library: Path) -> None:
    (problem,) = find_problems(library.parents[1], ELSEWHERE)

    assert problem.endswith(f"compiled for another processor than {ELSEWHERE}")


def test_a_library_that_lambda_lacks_must_be_in_the_layer(library: Path) -> None:
    rename(library, b"libstdc++.so.6", b"libtbb12.so.12")

    assert "needs libtbb12.so.12, which Lambda does not have" in next(
        find_problems(library.parents[1], HERE)
    )

    (library.parent / "libtbb12.so.12").write_bytes(library.read_bytes())
    assert list(find_problems(library.parents[1], HERE)) == []


def test_a_library_that_nothing_needs_any_more_is_named(library: Path) -> None:
    """Of the two that are left over here, each needs the other."""
    folder = library.parents[1] / "numpy.libs"
    folder.mkdir()
    system = b"libstdc++.so.6"
    for name, needed in (
        (b"libuseful1.so", b""),
        (b"libspare_a.so", b"libspare_b.so"),
        (b"libspare_b.so", b"libspare_a.so"),
    ):
        data = library.read_bytes()
        (folder / name.decode()).write_bytes(
            data.replace(system + b"\0", needed.ljust(len(system), b"\0") + b"\0")
            if needed
            else data
        )
    rename(library, system, b"libuseful1.so\0")

    problems = list(find_problems(library.parents[1], HERE))

    assert [Path(problem.partition(":")[0]).name for problem in problems] == [
        "libspare_a.so",
        "libspare_b.so",
    ]
    assert problems[0].endswith("nothing in the layer needs it: delete it in layers/trim.py")


def test_a_library_that_is_cut_off_is_named(library: Path) -> None:
    library.write_bytes(library.read_bytes()[:5000])

    (problem,) = find_problems(library.parents[1], HERE)

    assert f"{library}: not a shared library that can be read" in problem


def test_a_library_without_a_section_table_is_named(library: Path) -> None:
    """Its symbol versions cannot be read, so it must not pass the check."""
    data = bytearray(library.read_bytes())
    struct.pack_into("<Q", data, 40, 0)  # e_shoff
    struct.pack_into("<HH", data, 60, 0, 0)  # e_shnum, e_shstrndx
    library.write_bytes(data)

    (problem,) = find_problems(library.parents[1], HERE)

    assert problem.endswith("its symbol versions cannot be read")


def test_a_file_that_is_not_a_library_is_named(library: Path) -> None:
    library.write_bytes(b"version https://git-lfs.github.com/spec/v1")

    assert "not a 64-bit shared library" in next(find_problems(library.parents[1], HERE))
