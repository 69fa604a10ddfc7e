"""A layer's zip has the same bytes every time and keeps to its budget; its packages are listed."""

import os
import stat
import zipfile
from pathlib import Path

import pytest

from layers.pack import BudgetError, Package, by_package, check_budget, main, pack, table


def make_tree(tree: Path) -> Path:
    files = {
        "python/cv2/__init__.py": b"import numpy\n",
        "python/cv2/cv2.abi3.so": b"\x7fELF" * 1000,
        "python/opencv_python_headless.libs/libavcodec.so.62": b"\x7fELF" * 100,
        "python/opencv_python_headless-5.0.0.93.dist-info/METADATA": b"Name: opencv\n",
        "python/PIL/Image.py": b"import os\n",
        "python/_pi_heif.cpython-313-x86_64-linux-gnu.so": b"\x7fELF" * 50,
        "python/pi_heif/__init__.py": b"import PIL\n",
        "python/pi_heif-1.4.0.dist-info/METADATA": b"Name: pi_heif\n",
        "python/pillow.libs/libtiff-20b7e810.so.6.3.0": b"\x7fELF" * 20,
        "python/pillow-13.0.0.dist-info/METADATA": b"Name: pillow\n",
        "python/six.py": b"PY3 = True\n",
        "python/__pycache__/six.cpython-313.pyc": b"compiled",
        "python/six-1.17.0.dist-info/METADATA": b"Name: six\n",
    }
    for name, data in files.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return tree


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = make_tree(tmp_path / "first"), make_tree(tmp_path / "second")
    for path in second.rglob("*"):
        os.utime(path, (1, 1))
        path.chmod(0o700 if path.is_dir() else 0o600)

    pack(first, tmp_path / "first.zip")
    pack(second, tmp_path / "second.zip")

    assert (tmp_path / "first.zip").read_bytes() == (tmp_path / "second.zip").read_bytes()


def test_order_dates_and_permissions_are_fixed(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "tree")
    (tree / "python/cv2/cv2.abi3.so").chmod(0o771)

    pack(tree, tmp_path / "layer.zip")

    with zipfile.ZipFile(tmp_path / "layer.zip") as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
    assert list(entries) == sorted(entries, key=lambda name: Path(name).parts)
    assert {entry.date_time for entry in entries.values()} == {(1980, 1, 1, 0, 0, 0)}
    modes = {name: stat.S_IMODE(entry.external_attr >> 16) for name, entry in entries.items()}
    assert modes.pop("python/cv2/cv2.abi3.so") == 0o755
    assert set(modes.values()) == {0o644}


def test_unzipping_gives_the_packed_files(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "tree")

    pack(tree, tmp_path / "layer.zip")

    with zipfile.ZipFile(tmp_path / "layer.zip") as archive:
        unzipped = {name: archive.read(name) for name in archive.namelist()}
    files = [path for path in tree.rglob("*") if path.is_file()]
    assert unzipped == {path.relative_to(tree).as_posix(): path.read_bytes() for path in files}


@pytest.mark.parametrize("target", ["six.py", "cv2", "nowhere"])
def test_a_link_is_refused(tmp_path: Path, target: str) -> None:
    tree = make_tree(tmp_path / "tree")
    (tree / "python/link").symlink_to(target)

    with pytest.raises(ValueError, match="python/link is a link"):
        pack(tree, tmp_path / "layer.zip")


def test_files_are_summed_up_by_distribution_with_its_libraries_and_metadata(
    tmp_path: Path,
) -> None:
    packages = by_package(pack(make_tree(tmp_path / "tree"), tmp_path / "layer.zip"))

    assert [(package.name, package.version) for package in packages] == [
        ("opencv-python-headless", "5.0.0.93"),
        ("pi-heif", "1.4.0"),
        ("pillow", "13.0.0"),
        ("six", "1.17.0"),
    ]
    assert packages[0].unzipped == 13 + 4000 + 400 + 13
    assert packages[1].unzipped == 200 + 11 + 14
    assert packages[2].unzipped == 10 + 80 + 13
    assert packages[3].unzipped == 11 + 8 + 10
    assert 0 < packages[0].zipped < packages[0].unzipped


def test_the_table_lists_packages_and_their_sum() -> None:
    lines = table([Package("numpy", "2.4.6", 48_000_000, 15_000_000), Package("six", "", 5, 4)])

    assert [line.split() for line in lines.splitlines()] == [
        ["package", "version", "unzipped", "zipped"],
        ["numpy", "2.4.6", "48,000,000", "15,000,000"],
        ["six", "5", "4"],
        ["48,000,005", "15,000,004"],
    ]


def test_an_exceeded_budget_names_the_numbers_and_the_largest_packages() -> None:
    packages = [
        Package(name, "", size, 0) for name, size in zip("abcd", (70, 20, 9, 1), strict=True)
    ]

    check_budget("unzipped", 100, 100, packages)
    with pytest.raises(BudgetError) as caught:
        check_budget("unzipped", 90_000_100, 90_000_000, packages)

    assert str(caught.value) == (
        "90,000,100 bytes unzipped are 100 more than the 90,000,000 that are allowed; "
        "the largest packages, unzipped: a 70, b 20, c 9"
    )


@pytest.mark.parametrize("budget", ["--unzipped", "--zipped"])
def test_a_layer_over_its_budget_leaves_no_zip(tmp_path: Path, budget: str) -> None:
    tree, target = make_tree(tmp_path / "tree"), tmp_path / "dist" / "layer.zip"
    main([str(tree), str(target), budget, "1000000"])
    assert target.exists()

    with pytest.raises(SystemExit, match=r"layer\.zip: .* opencv-python-headless"):
        main([str(tree), str(target), budget, "100"])

    assert list(target.parent.iterdir()) == []


def test_the_function_counts_toward_the_unzipped_budget(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree, target = make_tree(tmp_path / "tree"), tmp_path / "layer.zip"
    function = tmp_path / "modules"
    (function / "__pycache__").mkdir(parents=True)
    (function / "pipeline.py").write_bytes(b"#" * 5000)
    (function / "__pycache__" / "pipeline.cpython-313.pyc").write_bytes(b"#" * 5000)
    size = sum(path.stat().st_size for path in tree.rglob("*") if path.is_file())
    shared = ["--together-with", str(function), "--unzipped"]

    main([str(tree), str(target), *shared, str(size + 5000)])
    with pytest.raises(SystemExit, match="bytes unzipped are 1 more"):
        main([str(tree), str(target), *shared, str(size + 4999)])

    assert f"{size + 5000:,} with the function" in capsys.readouterr().out
