"""The pixels that DETR-like networks take; start at `detr_feeding`."""

from __future__ import annotations

from ..model_description import Description
from ..preprocessing import Preprocessing
from .family_choice import require_family
from .probe import Probe

# RTDetrImageProcessor and val_dataloader of RT-DETR, D-FINE and DEIM: stretched, 0 to 1
RT_DETR = Preprocessing()
# DetrImageProcessor, and all networks whose backbone was trained with ImageNet's mean and std
DETR = Preprocessing(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))

# The sides of the kernels that take the image. HGNetv2 and RT-DETR's own ResNet begin with 3 x 3;
# ConvNeXt and Swin with 4, other ResNets with 7, vision transformers (DINOv2, DINOv3) with a patch
_RT_DETR_KERNELS = {3}
_IMAGENET_KERNELS = {4, 7, 8, 14, 16, 32}
# Parts of RT-DETR's encoder in transformers, which also takes other backbones with pixels 0 to 1
_RT_DETR_WEIGHTS = (".fpn_blocks.", ".pan_blocks.")


def detr_feeding(probe: Probe, description: Description) -> Preprocessing:
    """Finds out whether a network takes pixels from 0 to 1, or with ImageNet's mean and std.

    Networks with the same outputs do either. What tells is the convolution that takes the image,
    and the mask of padding, which only the older of them have as an input.

    Raises:
        ModelError: nothing tells, and model.json does not either.
    """
    kernels = probe.stem
    patches = kernels & _IMAGENET_KERNELS
    if "pixel_mask" in probe.inputs or patches - {7}:
        return DETR
    rt_detr = any(part in name for name in probe.weights for part in _RT_DETR_WEIGHTS)
    if patches and not rt_detr:
        return DETR
    if kernels and kernels <= _RT_DETR_KERNELS:
        return RT_DETR
    return require_family(probe, description, {"rt-detr": RT_DETR, "conditional-detr": DETR})
