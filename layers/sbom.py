"""Writes a layer's bill of materials in CycloneDX 1.6 (https://cyclonedx.org); see `describe`.

The input is the zip and pip's installation report. The document holds no time and nothing random:
equal layers have equal documents. It is written with the standard library only, because the Python
that builds layers has no other packages; a test validates it against the schema.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
import uuid
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from email.message import Message
from email.parser import Parser
from pathlib import Path
from typing import Any

from .bundled import PILLOW, Bundled, compiled_in, shared_library, within_library
from .crates import NOTICE, read_crates
from .licences import check_library, licence_of
from .pack import by_package

_METADATA = re.compile(r"python/[^/]+\.dist-info/METADATA")


def describe(
    zipped: Path, report: Mapping[str, Any], compiled: Sequence[str] = ()
) -> dict[str, Any]:
    """Returns the layer's bill of materials.

    Args:
        zipped: the layer.
        report: pip's (`pip install --report`): https://pip.pypa.io/en/stable/reference/installation-report/
        compiled: packages that were compiled from source and replace their wheel.

    Raises:
        ValueError: something in the layer belongs to no package.
        LicenceError: a package states no licence that is understood, or the licence of a library
            inside a package is not allowed.
    """
    digest = _sha256(zipped.read_bytes())
    wheels = _wheels(report, compiled)
    with zipfile.ZipFile(zipped) as layer:
        found = [_read_metadata(layer, name) for name in layer.namelist() if _METADATA.match(name)]
        packages = {_canonical(package["Name"]): package for package in found}
        if unknown := {part.name for part in by_package(layer.infolist())} - packages.keys():
            raise ValueError(
                f"{', '.join(sorted(unknown))} is in {zipped.name}, and no package there has "
                "that name"
            )
        components = [
            _component(name, package, wheels.get(name), list(_bundled(layer, name, package)))
            for name, package in sorted(packages.items())
        ]
    root = zipped.stem
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, digest)}",
        "version": 1,
        "metadata": {
            "lifecycles": [{"phase": "build"}],
            "component": {
                "type": "application",
                "bom-ref": root,
                "name": root,
                "hashes": [{"alg": "SHA-256", "content": digest}],
            },
        },
        "components": components,
        "dependencies": [
            {"ref": root, "dependsOn": [component["bom-ref"] for component in components]},
            *(_dependencies(name, packages) for name in sorted(packages)),
        ],
        # The list of packages is complete. Only OpenCV lists what was compiled into it
        "compositions": [{"aggregate": "complete", "dependencies": [root]}]
        + [{"aggregate": "unknown", "assemblies": [name]} for name in packages if name != _OPENCV],
    }


_OPENCV = "opencv-python-headless"


def _read_metadata(layer: zipfile.ZipFile, name: str) -> Message:
    return Parser().parsestr(layer.read(name).decode(), headersonly=True)


def _canonical(name: str) -> str:
    """Normalises a name as PEP 503 does."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _wheels(report: Mapping[str, Any], compiled: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Returns the file name and SHA-256 of each package's wheel, by the package's name."""
    wheels = {}
    for item in report.get("install", ()):
        download = item["download_info"]
        filename = download["url"].rpartition("/")[2]
        wheels[_canonical(item["metadata"]["name"])] = (
            filename,
            download["archive_info"]["hashes"]["sha256"],
        )
    return {name: wheel for name, wheel in wheels.items() if name not in compiled}


def _bundled(layer: zipfile.ZipFile, name: str, package: Message) -> Iterator[dict[str, Any]]:
    """Yields a component for each library inside a package."""
    folder = re.compile(rf"python/{name.replace('-', '_')}\.libs/.+")
    stated = PILLOW.get(package["Version"], {}) if name == "pillow" else {}
    for path in layer.namelist():
        if folder.fullmatch(path):
            data = layer.read(path)
            shared = shared_library(path, data, stated)
            yield _library(name, shared, path, _sha256(data))
            for library in within_library(shared.name, data):
                yield _library(name, library, path)
        elif name == _OPENCV and re.fullmatch(r"python/cv2/.*\bcv2\.abi3\.so", path):
            for library in compiled_in(layer.read(path)):
                yield _library(name, library, path)
        elif re.fullmatch(
            rf"python/{name.replace('-', '_')}-[^/]+\.dist-info/licenses/{NOTICE}", path
        ):
            for library in read_crates(layer.read(path).decode()):
                yield _library(name, library, path)


def _library(
    package: str, library: Bundled, path: str, sha256: str | None = None
) -> dict[str, Any]:
    """Returns the component of a library, compiled in unless a SHA-256 is given.

    Raises:
        LicenceError: its licence is not allowed.
    """
    if library.licence:
        check_library(library.name, library.licence, is_shared=sha256 is not None)
    source = {"type": "source-distribution", "url": library.source}
    return _without_empty(
        {
            "type": "library",
            "bom-ref": f"{package}/{library.name}",
            "name": library.name,
            "version": library.version,
            "hashes": sha256 and [{"alg": "SHA-256", "content": sha256}],
            "licenses": library.licence and [{"expression": library.licence}],
            "externalReferences": [source] if library.source else None,
            "evidence": {"occurrences": [{"location": path}]},
        }
    )


def _component(
    name: str, package: Message, wheel: tuple[str, str] | None, bundled: list[dict[str, Any]]
) -> dict[str, Any]:
    version = package["Version"]
    purl = f"pkg:pypi/{name}@{version}"
    references = None
    if wheel:
        purl += f"?file_name={wheel[0]}"
        references = [
            {
                "type": "distribution",
                "url": purl,
                "comment": wheel[0],
                "hashes": [{"alg": "SHA-256", "content": wheel[1]}],
            }
        ]
    return _without_empty(
        {
            "type": "library",
            "bom-ref": name,
            "name": name,
            "version": version,
            "description": package["Summary"],
            "licenses": [{"expression": licence_of(package)}],
            "purl": purl,
            "externalReferences": references,
            "components": bundled,
        }
    )


def _dependencies(name: str, packages: Mapping[str, Message]) -> dict[str, Any]:
    """Returns the other packages of the layer that a package needs without its extras."""
    needed = {
        _canonical(re.split(r"[^\w.-]", text)[0])
        for text in packages[name].get_all("Requires-Dist", [])
        if "extra ==" not in text
    }
    return _without_empty({"ref": name, "dependsOn": sorted(needed & packages.keys())})


def _without_empty(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value}


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def main(arguments: Sequence[str]) -> None:
    """Writes the document next to the zip, as NAME.cdx.json."""
    parser = argparse.ArgumentParser(prog="python -m layers.sbom", description=__doc__)
    parser.add_argument("zip", type=Path, help="the layer")
    parser.add_argument("report", type=Path, help="the report of `pip install --report`")
    parser.add_argument(
        "--compiled",
        nargs="*",
        default=[],
        metavar="PACKAGE",
        help="packages that were compiled from source",
    )
    options = parser.parse_args(arguments)
    document = describe(options.zip, json.loads(options.report.read_text()), options.compiled)
    target = options.zip.with_suffix(".cdx.json")
    target.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    print(f"{target}: {len(document['components'])} packages")


if __name__ == "__main__":
    main(sys.argv[1:])
