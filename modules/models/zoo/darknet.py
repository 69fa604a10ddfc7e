"""Darknet's networks, and Yolo-Fastest: `DARKNET`.

map50: the READMEs of AlexeyAB/darknet and of Yolo-Fastest. map50_95 of yolov4: the same README.
"""

from __future__ import annotations

from .model import RemoteFile, ZooModel

_YOLO_FASTEST = (
    "https://raw.githubusercontent.com/dog-qiuqiu/Yolo-Fastest/{}/ModelZoo/yolo-fastest-1.1_coco/"
)
# No release has the cfgs. They have not changed for years; the SHA-256 is checked in any case.
_ALEXEY_AB = "https://raw.githubusercontent.com/AlexeyAB/darknet/master/"
_RELEASES = "https://github.com/AlexeyAB/darknet/releases/download/"
_HANK_AI = "https://github.com/hank-ai/darknet/releases/download/v2.0/"

_PUBLIC_DOMAIN = "public domain (YOLO licence)"

_NAMES = RemoteFile(
    "coco.names",
    f"{_ALEXEY_AB}data/",
    "634a1132eb33f8091d60f2c346ababe8b905ae08387037aed883953b7329af84",
    625,
)

DARKNET = (
    ZooModel(
        "yolo-fastest-1.1",
        "Yolo-Fastest",
        (320, 320),
        _PUBLIC_DOMAIN,
        (
            RemoteFile(
                "yolo-fastest-1.1.cfg",
                _YOLO_FASTEST.format("99d03d0f26e2555275bdb30f43479d47cc19311f"),
                "f6df5775c1e862998cf69046eba9265be3ae84dfe8b2caab7529823f0795bf70",
                9_685,
            ),
            RemoteFile(
                "yolo-fastest-1.1.weights",
                _YOLO_FASTEST.format("99d03d0f26e2555275bdb30f43479d47cc19311f"),
                "1c445c42bbd6df63edea2cc69f99667b5650d663ca11e34b116240740cd42890",
                1_384_268,
            ),
            _NAMES,
        ),
        map50=24.40,
    ),
    ZooModel(
        "yolo-fastest-1.1-xl",
        "Yolo-Fastest",
        (320, 320),
        _PUBLIC_DOMAIN,
        (
            RemoteFile(
                "yolo-fastest-1.1-xl.cfg",
                _YOLO_FASTEST.format("9c62b1c50e024fb73d29a651133b1d63548e63a1"),
                "c458427acc4fbeabceff4528ef7b65b066c0308ce599460f8ba299eba63abad3",
                9_696,
            ),
            RemoteFile(
                "yolo-fastest-1.1-xl.weights",
                _YOLO_FASTEST.format("9c62b1c50e024fb73d29a651133b1d63548e63a1"),
                "fac5fb41786c1f38f04972a658443b189f48720d7d117f9a044100e98a35b0c5",
                3_693_964,
            ),
            _NAMES,
        ),
        map50=34.33,
    ),
    ZooModel(
        "yolov3-tiny",
        "YOLOv3",
        (416, 416),
        _PUBLIC_DOMAIN,
        (
            RemoteFile(
                "yolov3-tiny.cfg",
                f"{_ALEXEY_AB}cfg/",
                "84eb7a675ef87c906019ff5a6e0effe275d175adb75100dcb47f0727917dc2c7",
                1_915,
            ),
            RemoteFile(
                "yolov3-tiny.weights",
                _HANK_AI,
                "dccea06f59b781ec1234ddf8d1e94b9519a97f4245748a7d4db75d5b7080a42c",
                35_434_956,
            ),
            _NAMES,
        ),
        map50=33.1,
        is_timed_with_random_weights=True,
    ),
    ZooModel(
        "yolov4-tiny",
        "YOLOv4",
        (416, 416),
        _PUBLIC_DOMAIN,
        (
            RemoteFile(
                "yolov4-tiny.cfg",
                f"{_ALEXEY_AB}cfg/",
                "f858e3724962eedf3ac44e3b6cb3f0c3d9ed067c306bb831f539c578b924c90e",
                3_231,
            ),
            RemoteFile(
                "yolov4-tiny.weights",
                f"{_RELEASES}yolov4/",
                "cf9fbfd0f6d4869b35762f56100f50ed05268084078805f0e7989efe5bb8ca87",
                24_251_276,
            ),
            _NAMES,
        ),
        map50=40.2,
        is_timed_with_random_weights=True,
    ),
    ZooModel(
        "yolov3",
        "YOLOv3",
        (416, 416),
        _PUBLIC_DOMAIN,
        (
            RemoteFile(
                "yolov3.cfg",
                f"{_ALEXEY_AB}cfg/",
                "370c7b08d2350fd105a79af9b106c02217d659cd2a5c1e8319a65fa4ced610fa",
                8_342,
            ),
            RemoteFile(
                "yolov3.weights",
                _HANK_AI,
                "523e4e69e1d015393a1b0a441cef1d9c7659e3eb2d7e15f793f060a21b32f297",
                248_007_048,
            ),
            _NAMES,
        ),
        map50=55.3,
        is_timed_with_random_weights=True,
    ),
    ZooModel(
        "yolov4",
        "YOLOv4",
        (608, 608),
        _PUBLIC_DOMAIN,
        (
            RemoteFile(
                "yolov4.cfg",
                f"{_ALEXEY_AB}cfg/",
                "a6d0f8e5c62cc8378384f75a8159b95fa2964d4162e33351b00ac82e0fc46a34",
                12_231,
            ),
            RemoteFile(
                "yolov4.weights",
                f"{_RELEASES}darknet_yolo_v3_optimal/",
                "8463fde6ee7130a947a73104ce73c6fa88618a9d9ecd4a65d0b38f07e17ec4e4",
                257_717_640,
            ),
            _NAMES,
        ),
        map50_95=43.5,
        map50=65.7,
        is_timed_with_random_weights=True,
    ),
)
