"""YOLOX by Megvii's own exporter."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch

from modules.object_detection.detections import Detections

from .comparison import CONFIDENCE, NMS, Export, Exports, Image, inside
from .random_weights import blobs, settle

SIZE = 320


def yolox_exports(name: str, folder: Path, images: list[Image]) -> Exports:
    """Yields YOLOX with its boxes decoded in the network, and without.

    It gets the images in a size that can be halved without a remainder: it rounds the size down
    when it resizes an image, but not when it scales boxes back; our code uses the rounded size for
    both.
    """
    from yolox.exp import get_exp
    from yolox.models.network_blocks import SiLU
    from yolox.utils import replace_module

    torch.manual_seed(0)
    model = get_exp(exp_name=name).get_model()
    batch = blobs(images, SIZE)[:, [2, 1, 0]] * 255
    settle(model, [(model.head.cls_preds, 2e-3), (model.head.obj_preds, 0.05)], batch)
    for layer in model.head.reg_preds:
        layer.weight.data *= 0.1  # sizes are exponentials of these
    model = replace_module(model.eval(), torch.nn.SiLU, SiLU)  # as tools/export_onnx.py does
    labels = tuple(str(index) for index in range(model.head.num_classes))
    for decoded in (True, False):
        model.head.decode_in_inference = decoded
        file = folder / f"{name}-{decoded}.onnx"
        torch.onnx.export(
            model, torch.zeros(1, 3, SIZE, SIZE), str(file), input_names=["images"],
            output_names=["output"], opset_version=11, dynamo=False,
        )  # fmt: skip
        form = "decoded" if decoded else "not decoded"
        yield Export(form, file, labels), partial(found, model)


def found(model: Any, image: Image) -> Detections:
    """Returns the detections of YOLOX's own preprocessing and postprocessing, with PyTorch."""
    from yolox.data.data_augment import preproc
    from yolox.utils import postprocess

    blob, ratio = preproc(image, (SIZE, SIZE))
    model.head.decode_in_inference = True
    with torch.no_grad():
        (rows,) = postprocess(
            model(torch.from_numpy(blob)[None]), model.head.num_classes, CONFIDENCE, NMS
        )
    if rows is None:
        rows = torch.zeros(0, 7)
    scores = (rows[:, 4] * rows[:, 5]).numpy()
    return inside(rows[:, :4].numpy() / ratio, scores, rows[:, 6].numpy(), image)
