"""Networks under licences that bind the programs that use them: `COPYLEFT`."""

from __future__ import annotations

from .model import RemoteFile, ZooModel

_AGPL = (
    "under the AGPL-3.0: whoever distributes a program with it, or lets others use one over a "
    "network, has to offer them the program's whole source code under the same licence, or needs "
    "a licence from Ultralytics"
)

COPYLEFT = (
    ZooModel(
        "yolo11n",
        "YOLO11",
        (640, 640),
        "AGPL-3.0",
        (
            RemoteFile(
                "yolo11n.onnx",
                "https://github.com/ultralytics/assets/releases/download/v8.3.0/",
                "634279b40c07c6391472c51ad45b81ebc48706a9a1fe72dd3396322acd0c053b",
                10_930_182,
            ),
        ),
        map50_95=39.5,
        is_timed_with_random_weights=True,
        terms=_AGPL,
    ),
)
