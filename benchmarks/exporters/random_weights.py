"""Random weights by which a network detects some objects; see `settle` and `settle_logits`."""

from __future__ import annotations

from typing import Any

import cv2
import torch

from .comparison import Image


def blobs(images: list[Image], size: int) -> torch.Tensor:
    """Returns images, stretched to a square, as a batch `(N, 3, size, size)` RGB from 0 to 1."""
    return torch.from_numpy(cv2.dnn.blobFromImages(images, 1 / 255, (size, size), swapRB=True))


def settle(model: Any, branches: list[tuple[Any, float]], batch: torch.Tensor) -> None:
    """Adjusts random weights: batch norms fit the images, and some scores are high.

    branches: for each level, the layer before the scores, or a sequence that ends in it, and the
    share of the scores that shall be above a half.
    """
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # cumulative averages
    layers = [
        (part[-1] if isinstance(part, torch.nn.Sequential) else part, share)
        for branch, share in branches
        for part in branch
    ]
    training = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    model.eval()
    with torch.no_grad():
        for module in training:
            module.train()
        model(batch)
        model.eval()
        for layer, share in layers:
            settle_logits(model, layer, share, batch)


def settle_logits(model: Any, layer: Any, share: float, batch: torch.Tensor) -> None:
    """Scales the layer that computes logits so that `share` of them are positive.

    layer: a convolution, whose logits have their classes on axis 1, or a linear layer, whose
    classes are on the last axis. Nothing behind it may change the layers in front of it.
    """
    seen = []
    hook = layer.register_forward_hook(lambda _, __, out: seen.append(out))
    with torch.no_grad():
        model(batch)
        hook.remove()
        logits = torch.cat([out.flatten(0, 1) for out in seen]) if len(seen) > 1 else seen[0]
        axis = 1 if isinstance(layer, torch.nn.Conv2d) else logits.ndim - 1
        others = [each for each in range(logits.ndim) if each != axis]
        means = logits.mean(dim=others, keepdim=True)
        passing = ((logits - means) / logits.std()).flatten()
        passing = passing.sort().values[int((1 - share) * (len(passing) - 1))]
        layer.weight /= logits.std()
        layer.bias.copy_((layer.bias - means.flatten()) / logits.std() - passing)
