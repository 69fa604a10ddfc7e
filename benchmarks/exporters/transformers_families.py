"""DETR-like networks of transformers, and RT-DETR's and D-FINE's own deployment form."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import transformers

from modules.object_detection.detections import Detections
from modules.object_detection.model_description import Description

from .comparison import CONFIDENCE, Export, Exports, Image, inside
from .random_weights import blobs, settle, settle_logits

CLASSES = 12
SHARE = 0.0005  # of the logits that are positive

Model = Any


@dataclass(frozen=True)
class Family:
    """A family of transformers.

    build: makes the network, with random weights. logits: returns the layer that computes the
    logits. processor: the class that prepares images and decodes the outputs. own_form: whether its
    own project exports the network too, with labels, boxes and scores. most: options of the
    post-processor for as many detections as queries. gain: a factor for the logits, by which a
    softmax reaches the confidence.
    """

    build: Callable[[], Model]
    logits: Callable[[Model], Any]
    processor: str
    own_form: bool = False
    most: dict[str, int] = field(default_factory=dict)
    gain: float = 1


def hgnet(**options: Any) -> Any:
    """Describes HGNetv2 of D-FINE-N; `options` override it."""
    nano = {
        "hidden_sizes": [64, 256, 512, 1024],
        "stem_channels": [3, 16, 16],
        "stage_in_channels": [16, 64, 256, 512],
        "stage_mid_channels": [16, 32, 64, 128],
        "stage_out_channels": [64, 256, 512, 1024],
        "stage_num_blocks": [1, 1, 2, 1],
        "stage_downsample": [False, True, True, True],
        "stage_light_block": [False, False, True, True],
        "stage_kernel_size": [3, 3, 5, 5],
        "stage_numb_of_layers": [3, 3, 3, 3],
        "out_features": ["stage3", "stage4"],
    }
    return transformers.HGNetV2Config(**{**nano, **options})


def d_fine_n(kind: str = "DFine", **options: Any) -> Model:
    """Makes D-FINE-N, or a DEIMv2 of that size, with random weights; `options` override it."""
    settings = {
        "backbone_config": hgnet(),
        "num_labels": CLASSES,
        "d_model": 128,
        "encoder_hidden_dim": 128,
        "encoder_in_channels": [512, 1024],
        "feat_strides": [16, 32],
        "encode_proj_layers": [1],
        "encoder_ffn_dim": 512,
        "decoder_ffn_dim": 512,
        "decoder_in_channels": [128, 128],
        "decoder_layers": 3,
        "decoder_n_points": [6, 6],
        "num_feature_levels": 2,
        "hidden_expansion": 0.34,
        "depth_mult": 0.5,
        **options,
    }
    config = getattr(transformers, f"{kind}Config")(**settings)
    return getattr(transformers, f"{kind}ForObjectDetection")(config)


def rt_detr(kind: str, **options: Any) -> Model:
    """Makes RT-DETR or RT-DETRv2 with ResNet-18, with random weights; `options` override it."""
    backbone = transformers.RTDetrResNetConfig(
        hidden_sizes=[64, 128, 256, 512],
        depths=[2, 2, 2, 2],
        layer_type="basic",
        out_features=["stage2", "stage3", "stage4"],
    )
    settings = {
        "backbone_config": backbone,
        "num_labels": CLASSES,
        "encoder_in_channels": [128, 256, 512],
        "hidden_expansion": 0.5,
        "decoder_layers": 3,
        **options,
    }
    config = getattr(transformers, f"{kind}Config")(**settings)
    return getattr(transformers, f"{kind}ForObjectDetection")(config)


def detr(kind: str, **options: Any) -> Model:
    """Makes DETR or Conditional DETR with ResNet-18, with random weights; `options` override it."""
    backbone = transformers.ResNetConfig(
        hidden_sizes=[64, 128, 256, 512], depths=[2, 2, 2, 2], layer_type="basic",
        out_features=["stage4"],
    )  # fmt: skip
    settings = {
        "backbone_config": backbone,
        "use_timm_backbone": False,
        "use_pretrained_backbone": False,
        "backbone": None,
        "num_labels": CLASSES,
        "encoder_layers": 2,
        "decoder_layers": 2,
        **options,
    }
    config = getattr(transformers, f"{kind}Config")(**settings)
    return getattr(transformers, f"{kind}ForObjectDetection")(config)


def yolos(**options: Any) -> Model:
    """Makes a small YOLOS with random weights; `options` override it."""
    settings = {
        "hidden_size": 192,
        "num_hidden_layers": 4,
        "num_attention_heads": 3,
        "intermediate_size": 768,
        "image_size": [320, 320],
        "num_labels": CLASSES,
    }
    return transformers.YolosForObjectDetection(transformers.YolosConfig(**{**settings, **options}))


def rf_detr(**options: Any) -> Model:
    """Makes the RF-DETR of transformers, with a small DINOv2; `options` override it."""
    backbone = {
        "model_type": "rf_detr_dinov2",
        "hidden_size": 96,
        "num_hidden_layers": 4,
        "num_attention_heads": 3,
        "image_size": 320,
        "patch_size": 16,
        "num_windows": 2,
        "window_block_indexes": [0, 1, 3],
        "out_features": ["stage2", "stage4"],
        **options.pop("backbone", {}),
    }
    config = transformers.RfDetrConfig(
        backbone_config=backbone, num_labels=CLASSES, **{"decoder_layers": 2, **options}
    )
    return transformers.RfDetrForObjectDetection(config)


FAMILIES = {
    "rt-detr": Family(
        partial(rt_detr, "RTDetr"),
        lambda model: model.model.decoder.class_embed[-1],
        "RTDetrImageProcessor",
    ),
    "rt-detrv2": Family(
        partial(rt_detr, "RTDetrV2"),
        lambda model: model.model.decoder.class_embed[-1],
        "RTDetrImageProcessor",
        own_form=True,
    ),
    "d-fine-n": Family(
        d_fine_n,
        lambda model: model.model.decoder.class_embed[-1],
        "RTDetrImageProcessor",
        own_form=True,
    ),
    "deimv2-n": Family(
        partial(d_fine_n, "Deimv2"),
        lambda model: model.model.decoder.class_embed[-1],
        "RTDetrImageProcessor",
        own_form=True,
    ),
    "detr": Family(
        partial(detr, "Detr"),
        lambda model: model.class_labels_classifier,
        "DetrImageProcessor",
        gain=6,
    ),
    "conditional-detr": Family(
        partial(detr, "ConditionalDetr"),
        lambda model: model.class_labels_classifier,
        "ConditionalDetrImageProcessor",
        most={"top_k": 300},
    ),
    "yolos": Family(
        yolos,
        lambda model: model.class_labels_classifier.layers[-1],
        "YolosImageProcessor",
        gain=6,
    ),
    "rf-detr-transformers": Family(
        rf_detr, lambda model: model.class_embed, "RfDetrImageProcessor"
    ),
}


class Outputs(torch.nn.Module):
    """A network that returns its logits and boxes only."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixel_values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Runs the network."""
        found = self.model(pixel_values)
        return found.logits, found.pred_boxes


class Deployed(Outputs):
    """The form in which RT-DETR, D-FINE and DEIM export a network; see their postprocessor.py."""

    def forward(  # type: ignore[override]
        self, images: torch.Tensor, orig_target_sizes: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Runs the network, and chooses the most probable pairs of a query and a class."""
        logits, boxes = super().forward(images)
        centres, halves = boxes[..., :2], boxes[..., 2:] / 2
        corners = torch.cat([centres - halves, centres + halves], -1)
        corners = corners * orig_target_sizes.repeat(1, 2).unsqueeze(1)
        scores, pairs = torch.topk(logits.sigmoid().flatten(1), logits.shape[1], -1)
        queries = pairs // logits.shape[2]
        labels = pairs - queries * logits.shape[2]
        return labels, corners.gather(1, queries.unsqueeze(-1).repeat(1, 1, 4)), scores


def settled(
    family: Family, model: Model, images: list[Image], size: int, share: float = SHARE
) -> Model:
    """Adjusts random weights so that the network detects some objects in the images."""
    batch = blobs(images, size)
    settle(model, [], batch)
    layer = family.logits(model)
    settle_logits(model, layer, share, batch)
    with torch.no_grad():
        layer.weight *= family.gain
        layer.bias *= family.gain
    return model.eval()


def exports(name: str, folder: Path, images: list[Image], size: int = 320) -> Exports:
    """Yields every form of one of transformers' networks, with its post-processor."""
    torch.manual_seed(0)
    family = FAMILIES[name]
    model = settled(family, family.build(), images, size)
    predict = partial(found, family, model, processor(family, size))
    labels = tuple(map(str, range(CLASSES)))
    description = Description(input=(size, size))
    for form, options in forms(size, own_form=family.own_form).items():
        file = folder / f"{name}-{form.replace(' ', '-')}.onnx"
        try:
            export(model, file, size, **options)
        except RuntimeError:
            continue  # PyTorch cannot export this network in this form
        yield Export(form, file, labels, description), predict


def forms(size: int, *, own_form: bool) -> dict[str, dict[str, Any]]:
    """Returns the forms of an export, each with options of `export`."""
    found: dict[str, dict[str, Any]] = {
        "fixed size, TorchScript": {},
        "any batch, TorchScript": {"dynamic_axes": {"pixel_values": {0: "batch"}}},
        "any size, TorchScript": {
            "dynamic_axes": {"pixel_values": {0: "batch", 2: "height", 3: "width"}}
        },
        "fixed size, dynamo": {"dynamo": True},
    }
    if own_form:
        found["own form, TorchScript"] = {"own_form": True, "opset_version": 16}
    return found


def export(
    model: Model, file: Path, size: int, *, own_form: bool = False, dynamo: bool = False,
    **options: Any,
) -> None:  # fmt: skip
    """Exports a network with `torch.onnx.export`."""
    image = torch.zeros(1, 3, size, size)
    inputs, outputs = {"pixel_values": image}, ["logits", "pred_boxes"]
    wrapper: Outputs = Outputs(model)
    if own_form:
        inputs = {"images": image, "orig_target_sizes": torch.tensor([[size, size]])}
        wrapper, outputs = Deployed(model), ["labels", "boxes", "scores"]
    if dynamo:
        options["external_data"] = False
    else:
        options.setdefault("opset_version", 17)
    torch.onnx.export(
        copy.deepcopy(wrapper).eval(), tuple(inputs.values()), str(file), input_names=list(inputs),
        output_names=outputs, dynamo=dynamo, verbose=False, **options,
    )  # fmt: skip


def processor(family: Family, size: int) -> Any:
    """Returns the family's image processor for a square input."""
    square = {"height": size, "width": size}
    made = getattr(transformers, family.processor)(size=square)
    made.do_pad = False
    return made


def found(family: Family, model: Model, image_processor: Any, image: Image) -> Detections:
    """Returns the detections of transformers' own processor, with PyTorch."""
    rows = post_processed(family, model, image_processor, image, CONFIDENCE)
    return inside(rows["boxes"], rows["scores"], rows["labels"], image)


def post_processed(
    family: Family, model: Model, image_processor: Any, image: Image, confidence: float
) -> dict[str, np.ndarray]:
    """Returns the boxes, scores and labels that transformers' own processor finds.

    OpenCV resizes the image, as in our code: torchvision smooths and rounds in another way, and the
    queries that random weights choose change with the last bit.
    """
    side = image_processor.size["height"]
    pixels = cv2.cvtColor(cv2.resize(image, (side, side)), cv2.COLOR_BGR2RGB)
    inputs = image_processor(images=pixels, return_tensors="pt")
    with torch.no_grad():
        outputs = model(inputs["pixel_values"])
    (rows,) = image_processor.post_process_object_detection(
        outputs, threshold=confidence, target_sizes=[image.shape[:2]], **family.most
    )
    queries = outputs.logits.shape[1]
    return {key: rows[key].numpy()[:queries] for key in ("boxes", "scores", "labels")}
