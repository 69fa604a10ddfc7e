"""Which options each kind of section may have; start at `check_options`.

Read off Darknet's own parser (github.com/AlexeyAB/darknet, parser.c). An option changes the
result, and is honoured; or changes training or scheduling only, and may be ignored; or changes the
result in a way that is not supported, and must have the one value that makes no difference.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field

from .darknet_cfg import Section


@dataclass(frozen=True)
class _Rules:
    honoured: frozenset[str]
    ignored: frozenset[str] = frozenset()
    neutral: dict[str, str] = field(default_factory=dict)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_IN_EVERY_LAYER = _words(
    "stopbackward onlyforward learning_rate clip dont_update burnin_update train_only_bn "
    "stream wait_stream"
)

_RULES = {
    "net": _Rules(
        _words("width height channels letter_box"),
        _words(
            "batch subdivisions momentum decay angle saturation exposure hue learning_rate burn_in "
            "max_batches policy steps scales step scale gamma power seq_scales sgdr_cycle "
            "sgdr_mult learning_rate_min time_steps track augment_speed sequential_subdivisions "
            "try_fix_nan weights_reject_freq equidistant_point badlabels_rejection_percentage "
            "num_sigmas_reject_badlabels ema_alpha use_cuda_graph loss_scale dynamic_minibatch "
            "optimized_memory workspace_size_limit_MB adam B1 B2 eps max_crop min_crop flip blur "
            "gaussian_noise mixup cutmix mosaic mosaic_bound contrastive contrastive_jit_flip "
            "contrastive_color unsupervised label_smooth_eps resize_step attention "
            "adversarial_lr max_chart_loss aspect show_receptive_field"
        ),
    ),
    "convolutional": _Rules(
        _words(
            "filters size stride stride_x stride_y dilation pad padding groups batch_normalize "
            "activation"
        ),
        _words("dot grad_centr angle reverse"),
        {
            "binary": "0",
            "xnor": "0",
            "bin_output": "0",
            "cbn": "0",
            "antialiasing": "0",
            "assisted_excitation": "0",
            "share_index": "-1000000000",
            "sway": "0",
            "rotate": "0",
            "stretch": "0",
            "stretch_sway": "0",
            "flipped": "0",
            "coordconv": "0",
            "dontload": "0",
            "dontloadscales": "0",
        },
    ),
    "maxpool": _Rules(
        _words("size stride stride_x stride_y padding"),
        _words("maxpool_zero_nonmax out_channels"),
        {"maxpool_depth": "0", "antialiasing": "0"},
    ),
    "upsample": _Rules(_words("stride scale")),
    "route": _Rules(_words("layers groups group_id")),
    "shortcut": _Rules(
        _words("from activation"),
        neutral={"weights_type": "none", "weights_normalization": "none"},
    ),
    "avgpool": _Rules(frozenset()),
    "scale_channels": _Rules(_words("from activation"), neutral={"scale_wh": "0"}),
    "sam": _Rules(_words("from activation")),
    "reorg": _Rules(_words("stride"), neutral={"reverse": "0"}),
    "region": _Rules(
        _words("anchors classes num softmax"),
        _words(
            "log sqrt focal_loss jitter resize rescore thresh absolute random coord_scale "
            "object_scale noobject_scale mask_scale class_scale bias_match max"
        ),
        {"coords": "4", "classfix": "0"},
    ),
    "dropout": _Rules(
        frozenset(), _words("probability dropblock dropblock_size_rel dropblock_size_abs")
    ),
    "yolo": _Rules(
        _words("mask anchors classes num scale_x_y new_coords"),
        _words(
            "jitter ignore_thresh truth_thresh random iou_thresh cls_normalizer iou_normalizer "
            "obj_normalizer delta_normalizer iou_loss iou_thresh_kind nms_kind beta_nms resize "
            "max max_delta counters_per_class label_smooth_eps objectness_smooth focal_loss "
            "show_details track_history_size sim_thresh dets_for_track dets_for_show "
            "track_ciou_norm"
        ),
        {"embedding_layer": "999999"},
    ),
}


def check_options(section: Section) -> None:
    """Refuses every option of a section of a known kind that would not be honoured.

    Raises:
        CfgError: an option that Darknet does not know there, or a value that is not supported.
    """
    rules = _RULES[section.kind]
    ignored = rules.ignored if section.kind == "net" else rules.ignored | _IN_EVERY_LAYER
    for name, option in section.options.items():
        if name in rules.honoured or name in ignored:
            continue
        if name not in rules.neutral:
            known = [*rules.honoured, *ignored, *rules.neutral]
            near = difflib.get_close_matches(name, sorted(known), n=1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            raise section.error(f"'{name}' is not an option of [{section.kind}]{hint}", name)
        if not _is_same(option.value, rules.neutral[name]):
            raise section.error(f"{name}={option.value} is not supported; leave it out", name)


def _is_same(value: str, other: str) -> bool:
    try:
        return float(value) == float(other)
    except ValueError:
        return value == other
