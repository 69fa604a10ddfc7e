"""A layer names the Rust crates that were compiled into its packages."""

import json
from importlib.metadata import files
from pathlib import Path

from layers.bundled import Bundled
from layers.crates import NOTICE, add_crates, read_crates
from layers.licences import check_library


def test_the_crates_of_a_bill_of_materials_are_listed(tmp_path: Path) -> None:
    licence = {"licenses": [{"expression": "MIT  OR Apache-2.0"}]}
    crates = [
        {"name": "tokio", "version": "1.2.3", "purl": "pkg:cargo/tokio@1.2.3", **licence},
        {"name": "libc", "version": "0.2", "purl": "pkg:generic/libc@0.2", **licence},
    ]
    document = tmp_path / "obstore-1.dist-info/sboms/a.json"
    document.parent.mkdir(parents=True)
    document.write_text(json.dumps({"components": crates}))

    add_crates(tmp_path)

    notice = (tmp_path / "obstore-1.dist-info/licenses" / NOTICE).read_text()
    assert notice.startswith("These Rust crates were compiled into obstore 1")
    assert list(read_crates(notice)) == [Bundled("tokio", "1.2.3", "MIT OR Apache-2.0")]


def test_a_package_without_crates_has_no_list(tmp_path: Path) -> None:
    (tmp_path / "numpy-2.dist-info/sboms").mkdir(parents=True)
    (tmp_path / "numpy-2.dist-info/sboms/a.json").write_text('{"components": []}')

    add_crates(tmp_path)

    assert not (tmp_path / "numpy-2.dist-info/licenses").exists()


def test_obstores_crates_have_licences_that_allow_to_pass_them_on(tmp_path: Path) -> None:
    (document,) = [file for file in files("obstore") or () if file.parent.name == "sboms"]
    target = tmp_path / "obstore-1.dist-info/sboms"
    target.mkdir(parents=True)
    (target / "a.json").write_text(document.read_text())

    add_crates(tmp_path)

    crates = list(read_crates((target.parent / "licenses" / NOTICE).read_text()))
    assert {"object_store", "tokio", "rustls"} <= {crate.name for crate in crates}
    for crate in crates:
        assert crate.licence
        check_library(crate.name, crate.licence, is_shared=False)
