"""A layer has the notices and texts that the licences of its shared libraries demand."""

from pathlib import Path

import pytest

from layers.notices import add_notices
from layers.trim import trim

HEIF, DE265 = "libheif-7a3e919c.so.1.23.0", "libde265-90fb0ce1.so.0.2.0"


def make(tree: Path, **libraries: list[str]) -> Path:
    for package, names in libraries.items():
        (tree / f"{package}-1.2.dist-info").mkdir(parents=True)
        (tree / f"{package}-1.2.dist-info/METADATA").write_text(f"Name: {package}\n")
        (tree / f"{package}.libs").mkdir()
        for name in names:
            (tree / f"{package}.libs" / name).write_bytes(b"\x7fELF\x001.1.0\0")
    return tree


def written(tree: Path, package: str) -> dict[str, str]:
    folder = tree / f"{package}-1.2.dist-info/licenses"
    return {path.name: path.read_text() for path in folder.glob("*")}


def test_each_library_under_the_lgpl_is_named_with_its_file_licence_and_source(
    tmp_path: Path,
) -> None:
    add_notices(make(tmp_path, pi_heif=[DE265, HEIF]))

    notice = written(tmp_path, "pi_heif")["NOTICE-LGPL.txt"]
    assert "The wheel of pi_heif 1.2 contains the shared libraries below" in notice
    assert (
        "libheif 1.23.0\n"
        f"  file:    pi_heif.libs/{HEIF}\n"
        "  licence: LGPL-3.0-or-later\n"
        "  source:  https://github.com/strukturag/libheif/releases/tag/v1.23.0\n"
    ) in notice
    assert "libde265 1.1.0\n" in notice
    assert "under the same name" in notice


@pytest.mark.parametrize(
    ("library", "titles"),
    [
        (
            HEIF,
            {
                "LICENSE-LGPL-3.0.txt": "GNU LESSER GENERAL PUBLIC LICENSE",
                "LICENSE-GPL-3.0.txt": "GNU GENERAL PUBLIC LICENSE",
            },
        ),
        (
            "libquadmath-96973f99.so.0.0.0",
            {"LICENSE-LGPL-2.1.txt": "GNU LESSER GENERAL PUBLIC LICENSE"},
        ),
    ],
)
def test_the_whole_text_of_the_licence_is_next_to_it(
    library: str, titles: dict[str, str], tmp_path: Path
) -> None:
    add_notices(make(tmp_path, thing=[library]))

    texts = written(tmp_path, "thing")
    notice = texts.pop("NOTICE-LGPL.txt")
    assert texts.keys() == titles.keys()
    for name, text in texts.items():
        assert text.lstrip().startswith(titles[name])
        assert "Free Software Foundation" in text
        assert name in notice
        assert len(text) > 7000


def test_a_package_without_such_a_library_has_no_notice(tmp_path: Path) -> None:
    add_notices(make(tmp_path, pillow=["libtiff-20b7e810.so.6.3.0"]))

    assert written(tmp_path, "pillow") == {}


def test_notices_survive_the_deletion_of_unneeded_files(tmp_path: Path) -> None:
    add_notices(make(tmp_path, pi_heif=[HEIF]))
    before = written(tmp_path, "pi_heif")

    trim(tmp_path)

    assert written(tmp_path, "pi_heif") == before
