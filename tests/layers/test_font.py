"""The font that OpenCV's build needs is found in the published library."""

import gzip
import hashlib
from pathlib import Path

import pytest

from layers.opencv.font import embedded_gzip, main, required_font

CMAKE = 'set(UNIFONT_MD5 "{md5}")\nset(UNIFONT_NAME "Font.ttf.gz")\nset(UNIFONT_COMMIT "c0ffee")\n'
FONT = gzip.compress(b"glyphs" * 1000, mtime=0)
MD5 = hashlib.md5(FONT, usedforsecurity=False).hexdigest()
LIBRARY = b"\x7fELF\x1f\x8b\x08 no gzip" + gzip.compress(b"another", mtime=0) + FONT + b"code"


def test_the_font_and_its_md5_are_read_from_opencvs_cmake() -> None:
    assert required_font(CMAKE.format(md5=MD5)) == ("Font.ttf.gz", MD5)


def test_a_file_inside_a_library_is_found_by_its_md5() -> None:
    assert embedded_gzip(LIBRARY, MD5) == FONT
    assert embedded_gzip(LIBRARY, "0" * 32) is None


def test_the_font_is_put_where_cmake_looks_before_it_downloads(tmp_path: Path) -> None:
    library, opencv, downloads = (tmp_path / name for name in ("cv2.so", "opencv", "downloads"))
    library.write_bytes(LIBRARY)
    (opencv / "modules/imgproc").mkdir(parents=True)
    (opencv / "modules/imgproc/CMakeLists.txt").write_text(CMAKE.format(md5=MD5))

    main(library, opencv, downloads)

    assert (downloads / "unifont" / f"{MD5}-Font.ttf.gz").read_bytes() == FONT


def test_a_library_without_the_font_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "cv2.so").write_bytes(b"\x7fELF")
    (tmp_path / "modules/imgproc").mkdir(parents=True)
    (tmp_path / "modules/imgproc/CMakeLists.txt").write_text(CMAKE.format(md5=MD5))

    with pytest.raises(SystemExit, match=r"does not hold the font Font\.ttf\.gz"):
        main(tmp_path / "cv2.so", tmp_path, tmp_path / "downloads")
