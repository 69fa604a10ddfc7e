"""Prints what quantisation gains and costs; start at `describe` and `print_report`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...printing import stdout_errors, utf8
from .search import Found
from .source import Source


def describe(found: Found, source: Source, out: Path) -> dict[str, Any]:
    """Returns the JSON document of the report."""
    times = found.times
    return {
        "model": utf8(str(source.path)),
        "out": None if found.reasons else utf8(str(out)),
        "written": not found.reasons,
        "reasons": list(found.reasons),
        "ranges": found.method.name,
        "pictures_for_ranges": found.ranges,
        "pictures_measured": found.measured,
        "convolutions": {"int8": found.layers[0], "all": found.layers[1]},
        "bytes": {"float": source.size(), "int8": found.bytes},
        "milliseconds": {
            "float_onnxruntime": times.onnxruntime,
            "float_opencv": times.opencv,
            "int8": times.int8,
        },
        "measured_against": "labels" if found.against_labels else "the network in float",
        "map50": {"float": found.before.map50, "int8": found.after.map50},
        "map50_95": {"float": found.before.map50_95, "int8": found.after.map50_95},
    }


def print_report(document: Mapping[str, Any]) -> None:
    """Prints the document of `describe`, one fact a line, name and value apart by a tab."""
    against, times = document["measured_against"], document["milliseconds"]
    opencv = times["float_opencv"]
    rows = [
        ("convolutions", "{int8} of {all} in int8".format(**document["convolutions"])),
        ("size", "{int8:,} bytes instead of {float:,}".format(**document["bytes"])),
        (
            "forward pass",
            f"{times['int8']:.2f} ms instead of {times['float_onnxruntime']:.2f} with ONNX Runtime"
            + ("" if opencv is None else f", {opencv:.2f} with OpenCV")
            + "; processor time, one thread",
        ),
        ("accuracy", f"of {document['pictures_measured']} pictures, against {against}"),
        *(
            (name, "{int8:.4f} instead of {float:.4f}".format(**document[key]))
            for name, key in (("mAP@0.5", "map50"), ("mAP@0.5:0.95", "map50_95"))
        ),
    ]
    if document["written"]:
        rows.append(("written", document["out"]))
    with stdout_errors():
        for row in rows:
            print(*row, sep="\t", flush=True)
