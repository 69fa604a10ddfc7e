"""Records small exports of real architectures for the tests.

    .venv-exporters/bin/python -m benchmarks.exporters.record

writes tests/object_detection/heads/recorded/; see tests/object_detection/heads/recorded_exports.py.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.object_detection.heads import recorded_exports
from tests.object_detection.heads.recorded_exports import CONFIDENCE, SIZE, picture

from .transformers_families import (
    CLASSES,
    FAMILIES,
    Family,
    export,
    hgnet,
    post_processed,
    processor,
    settled,
)

_WIDTH = 8
_OWN_FORM = ("d-fine-n",)
_TRANSFORMER = {
    "d_model": _WIDTH,
    "encoder_ffn_dim": _WIDTH,
    "decoder_ffn_dim": _WIDTH,
    "num_queries": 10,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
}


def _convolutions(kind: str, **options: Any) -> Any:
    """Describes a small ResNet, transformers' or RT-DETR's."""
    import transformers

    small = {"embedding_size": 8, "hidden_sizes": [8, 8, 8, 8], "depths": [1, 1, 1, 1]}
    return getattr(transformers, f"{kind}Config")(layer_type="basic", **small, **options)


def _small() -> dict[str, dict[str, Any]]:
    """Returns the options by which each family is small."""
    levels = ["stage2", "stage3", "stage4"]
    hybrid = {
        "encoder_hidden_dim": _WIDTH,
        "encoder_in_channels": [8, 8, 8],
        "decoder_in_channels": [_WIDTH] * 3,
        **_TRANSFORMER,
    }
    fine = {
        **hybrid,
        "backbone_config": hgnet(
            hidden_sizes=[8, 8, 8, 8],
            stem_channels=[3, 8, 8],
            stage_in_channels=[8, 8, 8, 8],
            stage_mid_channels=[8, 8, 8, 8],
            stage_out_channels=[8, 8, 8, 8],
            stage_num_blocks=[1, 1, 1, 1],
            stage_numb_of_layers=[1, 1, 1, 1],
            out_features=levels,
        ),
        "feat_strides": [8, 16, 32],
        "encode_proj_layers": [2],
        "num_feature_levels": 3,
        "decoder_n_points": [2, 2, 2],
    }
    real_time = {**hybrid, "backbone_config": _convolutions("RTDetrResNet", out_features=levels)}
    plain = {
        **_TRANSFORMER,
        "encoder_layers": 1,
        "backbone_config": _convolutions("ResNet", out_features=["stage4"]),
    }
    vision = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    return {
        "rt-detr": real_time,
        "rt-detrv2": real_time,
        "d-fine-n": fine,
        "deimv2-n": fine,
        "detr": plain,
        "conditional-detr": plain,
        "yolos": {
            **vision,
            "intermediate_size": 8,
            "image_size": [SIZE, SIZE],
            "num_detection_tokens": 10,
        },
    }


def main() -> None:
    """Records each family, and its own project's form of one of them."""
    for name, options in _small().items():
        family = FAMILIES[name]
        torch.manual_seed(1)
        model = family.build(**options)
        _randomise(model)
        settled(family, model, [picture()], SIZE, share=0.05)
        _record(name, family, model)
        if name in _OWN_FORM:
            _record(f"{name}-own-form", family, model, own_form=True)


def _randomise(model: Any) -> None:
    """Gives the weights random values of few digits, which compress well.

    Their spread keeps that of the values, and is wider than in training's beginning, so that boxes
    differ.
    """
    with torch.no_grad():
        for values in model.parameters():
            if values.ndim > 1 and values.numel():
                values.normal_(0, values[0].numel() ** -0.5)
                values.copy_((values * 32).round() / 32)


def _record(name: str, family: Family, model: Any, **options: Any) -> None:
    rows = post_processed(family, model, processor(family, SIZE), picture(), CONFIDENCE)
    found = np.column_stack([rows["boxes"], rows["scores"], rows["labels"]])
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "network.onnx"
        export(model, file, SIZE, **options)
        recorded_exports.write(name, file.read_bytes(), CLASSES, found.round(4).tolist())


if __name__ == "__main__":
    main()
