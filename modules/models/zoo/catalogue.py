"""Lists the public models that can be downloaded: `MODELS`, by name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_YOLO_FASTEST = (
    "https://raw.githubusercontent.com/dog-qiuqiu/Yolo-Fastest/master/ModelZoo/"
    "yolo-fastest-1.1_coco/"
)
_DARKNET = "https://raw.githubusercontent.com/AlexeyAB/darknet/master/"
_DARKNET_RELEASES = "https://github.com/AlexeyAB/darknet/releases/download/"
_PJREDDIE = "https://pjreddie.com/media/files/"
_ONNX_MODELS = (
    "https://github.com/onnx/models/raw/main/validated/vision/classification/resnet/model/"
)

_PUBLIC_DOMAIN = "public domain (YOLO licence)"
FEATURES = "classifier/features"


@dataclass(frozen=True)
class RemoteFile:
    """A file that can be downloaded from `folder` + `name`.

    folder: the address of the file's folder, which ends with a slash. sha256: in hexadecimal.
    size: in bytes.
    """

    name: str
    folder: str
    sha256: str
    size: int


@dataclass(frozen=True)
class ZooModel:
    """The facts about a public model, known before it is downloaded.

    input_size: (width, height) in pixels. map50: the COCO mAP at an overlap of 0.5, in percent, as
    its authors publish it for this input size (the READMEs of AlexeyAB/darknet and of
    Yolo-Fastest). milliseconds: per image, measured with OpenCV 5.0 on 2 threads of an x86-64
    machine.
    """

    name: str
    family: str
    input_size: tuple[int, int]
    licence: str
    files: tuple[RemoteFile, ...]
    map50: float | None = None
    milliseconds: float | None = None

    @property
    def size(self) -> int:
        """The size of all files together, in bytes."""
        return sum(file.size for file in self.files)

    @property
    def detects(self) -> bool:
        """Whether the model finds objects; the others compute features of whole images."""
        return self.family != FEATURES

    def is_in(self, folder: Path) -> bool:
        """Returns whether a folder has all the model's files, with the right sizes."""
        return all(
            (folder / file.name).is_file() and (folder / file.name).stat().st_size == file.size
            for file in self.files
        )


_NAMES = RemoteFile(
    "coco.names",
    f"{_DARKNET}data/",
    "634a1132eb33f8091d60f2c346ababe8b905ae08387037aed883953b7329af84",
    625,
)

_CATALOGUE = (
    ZooModel(
        "yolo-fastest-1.1",
        "Yolo-Fastest",
        (320, 320),
        _PUBLIC_DOMAIN,
        (
            RemoteFile(
                "yolo-fastest-1.1.cfg",
                _YOLO_FASTEST,
                "f6df5775c1e862998cf69046eba9265be3ae84dfe8b2caab7529823f0795bf70",
                9_685,
            ),
            RemoteFile(
                "yolo-fastest-1.1.weights",
                _YOLO_FASTEST,
                "1c445c42bbd6df63edea2cc69f99667b5650d663ca11e34b116240740cd42890",
                1_384_268,
            ),
            _NAMES,
        ),
        map50=24.40,
        milliseconds=6.1,
    ),
    ZooModel(
        "yolo-fastest-1.1-xl",
        "Yolo-Fastest",
        (320, 320),
        _PUBLIC_DOMAIN,
        (
            RemoteFile(
                "yolo-fastest-1.1-xl.cfg",
                _YOLO_FASTEST,
                "c458427acc4fbeabceff4528ef7b65b066c0308ce599460f8ba299eba63abad3",
                9_696,
            ),
            RemoteFile(
                "yolo-fastest-1.1-xl.weights",
                _YOLO_FASTEST,
                "fac5fb41786c1f38f04972a658443b189f48720d7d117f9a044100e98a35b0c5",
                3_693_964,
            ),
            _NAMES,
        ),
        map50=34.33,
        milliseconds=11.0,
    ),
    ZooModel(
        "yolov3-tiny",
        "YOLOv3",
        (416, 416),
        _PUBLIC_DOMAIN,
        (
            RemoteFile(
                "yolov3-tiny.cfg",
                f"{_DARKNET}cfg/",
                "84eb7a675ef87c906019ff5a6e0effe275d175adb75100dcb47f0727917dc2c7",
                1_915,
            ),
            RemoteFile(
                "yolov3-tiny.weights",
                _PJREDDIE,
                "dccea06f59b781ec1234ddf8d1e94b9519a97f4245748a7d4db75d5b7080a42c",
                35_434_956,
            ),
            _NAMES,
        ),
        map50=33.1,
        milliseconds=48.1,
    ),
    ZooModel(
        "yolov4-tiny",
        "YOLOv4",
        (416, 416),
        _PUBLIC_DOMAIN,
        (
            RemoteFile(
                "yolov4-tiny.cfg",
                f"{_DARKNET}cfg/",
                "f858e3724962eedf3ac44e3b6cb3f0c3d9ed067c306bb831f539c578b924c90e",
                3_231,
            ),
            RemoteFile(
                "yolov4-tiny.weights",
                f"{_DARKNET_RELEASES}yolov4/",
                "cf9fbfd0f6d4869b35762f56100f50ed05268084078805f0e7989efe5bb8ca87",
                24_251_276,
            ),
            _NAMES,
        ),
        map50=40.2,
        milliseconds=54.9,
    ),
    ZooModel(
        "yolov3",
        "YOLOv3",
        (416, 416),
        _PUBLIC_DOMAIN,
        (
            RemoteFile(
                "yolov3.cfg",
                f"{_DARKNET}cfg/",
                "370c7b08d2350fd105a79af9b106c02217d659cd2a5c1e8319a65fa4ced610fa",
                8_342,
            ),
            RemoteFile(
                "yolov3.weights",
                _PJREDDIE,
                "523e4e69e1d015393a1b0a441cef1d9c7659e3eb2d7e15f793f060a21b32f297",
                248_007_048,
            ),
            _NAMES,
        ),
        map50=55.3,
        milliseconds=522,
    ),
    ZooModel(
        "yolov4",
        "YOLOv4",
        (608, 608),
        _PUBLIC_DOMAIN,
        (
            RemoteFile(
                "yolov4.cfg",
                f"{_DARKNET}cfg/",
                "a6d0f8e5c62cc8378384f75a8159b95fa2964d4162e33351b00ac82e0fc46a34",
                12_231,
            ),
            RemoteFile(
                "yolov4.weights",
                f"{_DARKNET_RELEASES}darknet_yolo_v3_optimal/",
                "8463fde6ee7130a947a73104ce73c6fa88618a9d9ecd4a65d0b38f07e17ec4e4",
                257_717_640,
            ),
            _NAMES,
        ),
        map50=65.7,
    ),
    ZooModel(
        "resnet50",
        FEATURES,
        (224, 224),
        "Apache 2.0",
        (
            RemoteFile(
                "resnet50-v1-12.onnx",
                _ONNX_MODELS,
                "3f03fdef724b22947eed826f1eef1dc5c34151bb4c37d634f1db89dfa2dd1526",
                102_576_593,
            ),
        ),
    ),
    ZooModel(
        "resnet50-v2",
        FEATURES,
        (224, 224),
        "Apache 2.0",
        (
            RemoteFile(
                "resnet50-v2-7.onnx",
                _ONNX_MODELS,
                "79102261eb6e5fd7af5d27f41316293e388c5cb691e5d25bfb035c4f64fefe31",
                102_442_452,
            ),
        ),
    ),
)

MODELS = {model.name: model for model in _CATALOGUE}
DETECTORS = {name: model for name, model in MODELS.items() if model.detects}
