"""Exports the zoo's networks whose weights cannot be had here, with random weights, to be timed.

    .venv-exporters/bin/python benchmarks/zoo_networks.py FOLDER [--only NAME ...]

A network's time does not depend on its weights: each is built from its project's own definition.
The sizes of D-FINE and RT-DETRv2 are those of transformers' conversion scripts
(convert_d_fine_original_pytorch_checkpoint_to_hf.py, convert_rt_detr_v2_weights_to_hf.py); those of
DEIMv2 are from its configs/deimv2/. Each becomes a model folder, FOLDER/NAME. `make zoo` runs this.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("YOLO_OFFLINE", "true")
os.environ.setdefault("YOLO_AUTOINSTALL", "false")

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

_CLASSES = 80
_B0: dict[str, Any] = {
    "hidden_sizes": [128, 256, 512, 1024],
    "stem_channels": [3, 16, 16],
    "stage_in_channels": [16, 64, 256, 512],
    "stage_mid_channels": [16, 32, 64, 128],
    "stage_out_channels": [64, 256, 512, 1024],
    "stage_num_blocks": [1, 1, 2, 1],
    "stage_downsample": [False, True, True, True],
    "stage_light_block": [False, False, True, True],
    "stage_kernel_size": [3, 3, 5, 5],
    "stage_numb_of_layers": [3, 3, 3, 3],
    "use_learnable_affine_block": True,
}
_TWO_LEVELS = {
    "num_feature_levels": 2,
    "feat_strides": [16, 32],
    "decoder_n_points": [6, 6],
    "decoder_layers": 3,
    "hidden_expansion": 0.34,
    "depth_mult": 0.5,
}
_N = {
    **_TWO_LEVELS,
    "encoder_in_channels": [512, 1024],
    "encoder_hidden_dim": 128,
    "encoder_ffn_dim": 512,
    "encode_proj_layers": [1],
    "d_model": 128,
    "decoder_ffn_dim": 512,
    "decoder_in_channels": [128, 128],
}
_D_FINE_S = {
    "decoder_layers": 3,
    "hidden_expansion": 0.5,
    "depth_mult": 0.34,
    "decoder_n_points": [3, 6, 3],
    "encoder_in_channels": [256, 512, 1024],
}
# stages, channels of the last one, blocks and kernel of the third, width, queries, feed-forward
_DEIMV2 = {
    "deimv2-atto": (320, 256, 1, 3, 64, 100, 160),
    "deimv2-femto": (416, 512, 1, 5, 96, 150, 256),
    "deimv2-pico": (640, 512, 2, 5, 112, 200, 320),
}


def main() -> None:
    """Exports every network, or those that --only names."""
    parser = argparse.ArgumentParser(description="exports networks with random weights")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="*", choices=NETWORKS, default=list(NETWORKS))
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # of torch's tracer
    for name in arguments.only:
        torch.manual_seed(0)
        model, side, names = NETWORKS[name]()
        folder = arguments.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "coco.names").write_text("".join(f"class {i}\n" for i in range(_CLASSES)))
        file = folder / f"{name}.onnx"
        inputs, outputs = names
        torch.onnx.export(
            model.eval(), (torch.rand(1, 3, side, side),), str(file), input_names=[inputs],
            output_names=outputs, opset_version=17, dynamo=False,
        )  # fmt: skip
        parameters = sum(each.numel() for each in model.parameters())
        print(f"{name}\t{side}\t{parameters / 1e6:.2f} M parameters\t{file}", flush=True)


class _Outputs(torch.nn.Module):  # type: ignore[misc]
    """A network of transformers that returns its logits and boxes alone."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: torch.Tensor) -> tuple[Any, Any]:
        """Returns logits and boxes."""
        found = self.model(pixels)
        return found.logits, found.pred_boxes


_Names = tuple[str, list[str]]
_Built = tuple[Any, int, _Names]
_TRANSFORMERS: _Names = ("pixel_values", ["logits", "pred_boxes"])


def d_fine(backbone: dict[str, Any], sizes: dict[str, Any]) -> _Built:
    """Builds D-FINE."""
    from transformers import DFineConfig, DFineForObjectDetection, HGNetV2Config

    config = DFineConfig(
        backbone_config=HGNetV2Config(**backbone), num_labels=_CLASSES,
        anchor_image_size=[640, 640], **sizes,
    )  # fmt: skip
    return _Outputs(DFineForObjectDetection(config)), 640, _TRANSFORMERS


def rt_detr_v2() -> _Built:
    """Builds RT-DETRv2-S, with a ResNet-18."""
    from transformers import RTDetrV2Config, RTDetrV2ForObjectDetection

    config = RTDetrV2Config(
        num_labels=_CLASSES, encoder_in_channels=[128, 256, 512], hidden_expansion=0.5,
        decoder_layers=3, anchor_image_size=[640, 640],
    )  # fmt: skip
    config.backbone_config.hidden_sizes = [64, 128, 256, 512]
    config.backbone_config.depths = [2, 2, 2, 2]
    config.backbone_config.layer_type = "basic"
    return _Outputs(RTDetrV2ForObjectDetection(config)), 640, _TRANSFORMERS


def deimv2_n() -> _Built:
    """Builds DEIMv2-N, which has D-FINE-N's backbone."""
    from transformers import Deimv2Config, Deimv2ForObjectDetection, HGNetV2Config

    config = Deimv2Config(
        backbone_config=HGNetV2Config(out_indices=[3, 4], **_B0), num_labels=_CLASSES,
        encoder_type="hybrid", use_gateway=True, share_bbox_head=False,
        anchor_image_size=[640, 640], **_N,
    )  # fmt: skip
    return _Outputs(Deimv2ForObjectDetection(config)), 640, _TRANSFORMERS


def deimv2(name: str) -> _Built:
    """Builds DEIMv2's Atto, Femto or Pico: a backbone of three stages, and the light encoder."""
    from transformers import Deimv2Config, Deimv2ForObjectDetection, HGNetV2Config

    side, channels, blocks, kernel, width, queries, feed_forward = _DEIMV2[name]
    backbone: dict[str, Any] = {
        key: value[:3] if key.startswith("stage") else value for key, value in _B0.items()
    }
    backbone |= {
        "hidden_sizes": [64, 256, channels],
        "stage_out_channels": [64, 256, channels],
        "stage_num_blocks": [1, 1, blocks],
        "stage_kernel_size": [3, 3, kernel],
        "depths": [3, 3, 3],
    }
    config = Deimv2Config(
        backbone_config=HGNetV2Config(out_indices=[3], **backbone), num_labels=_CLASSES,
        encoder_type="lite", encoder_in_channels=[channels], encoder_hidden_dim=width,
        d_model=width, decoder_in_channels=[width, width], decoder_ffn_dim=feed_forward,
        num_queries=queries, use_gateway=False, share_bbox_head=True,
        anchor_image_size=[side, side], **_TWO_LEVELS,
    )  # fmt: skip
    return _Outputs(Deimv2ForObjectDetection(config)), side, _TRANSFORMERS


def rf_detr() -> _Built:
    """Builds RF-DETR nano; its own export form has boxes and logits, in this order."""
    from rfdetr import RFDETRNano

    network = RFDETRNano(pretrain_weights=None, device="cpu").model.model
    network.eval()
    network.export()
    return network, 384, ("input", ["dets", "labels"])


def yolox(name: str, side: int) -> _Built:
    """Builds YOLOX, whose boxes the network decodes, as its release does not."""
    from yolox.exp import get_exp
    from yolox.models.network_blocks import SiLU
    from yolox.utils import replace_module

    model = get_exp(exp_name=name).get_model().eval()
    model.head.decode_in_inference = False
    return replace_module(model, torch.nn.SiLU, SiLU), side, ("images", ["output"])


def yolo11() -> _Built:
    """Builds Ultralytics' YOLO11n, with the head of its export."""
    from ultralytics import YOLO

    model = YOLO("yolo11n.yaml").model.eval().fuse(verbose=False)
    head = model.model[-1]
    head.export, head.format = True, "onnx"
    return model, 640, ("images", ["output0"])


NETWORKS: dict[str, Callable[[], _Built]] = {
    "yolox-tiny": lambda: yolox("yolox-tiny", 416),
    "yolox-s": lambda: yolox("yolox-s", 640),
    "d-fine-n": lambda: d_fine({**_B0, "out_indices": [3, 4]}, _N),
    "d-fine-s": lambda: d_fine({**_B0, "out_indices": [2, 3, 4]}, _D_FINE_S),
    "deimv2-atto": lambda: deimv2("deimv2-atto"),
    "deimv2-femto": lambda: deimv2("deimv2-femto"),
    "deimv2-pico": lambda: deimv2("deimv2-pico"),
    "deimv2-n": deimv2_n,
    "rf-detr-nano": rf_detr,
    "rt-detrv2-s": rt_detr_v2,
    "yolo11n": yolo11,
}


if __name__ == "__main__":
    main()
