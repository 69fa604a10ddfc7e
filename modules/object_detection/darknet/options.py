"""Lists the options that each kind of section may have; start at `check_options`.

Taken from Darknet's own parser (github.com/AlexeyAB/darknet, parser.c). There are four groups:
honoured: the option changes the result, and the importer supports it.
ignored: the option changes only training or scheduling, or tracking in videos.
command line: the option changes only which boxes Darknet's command line shows, not those of its
library or of OpenCV; see `command_line_options`.
neutral: the option changes the result, and the importer supports only the value listed here, which
has no effect.
Unknown options are ignored, as in Darknet, unless they look like a misspelling of one that counts.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field

from .cfg import Section

_SIMILAR = 0.8  # difflib's ratio; that of "strid" and "stride" is 0.91


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

_IN_YOLO = _words(
    "jitter ignore_thresh truth_thresh random iou_thresh cls_normalizer iou_normalizer "
    "obj_normalizer delta_normalizer iou_loss iou_thresh_kind resize max "
    "max_delta counters_per_class label_smooth_eps objectness_smooth map"
)

_IN_COMMAND_LINE = _words("nms_kind beta_nms")
_OWN_SUPPRESSION = _words(
    "greedynms diounms"
)  # other values of nms_kind are the default to Darknet

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
            "activation share_index xnor"
        ),
        # bin_output: the format in which signs go to the next layer, which takes signs anyway
        _words("bin_output dot grad_centr angle reverse assisted_excitation"),
        {
            "binary": "0",
            "cbn": "0",
            "antialiasing": "0",
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
        _words("size stride stride_x stride_y padding maxpool_depth out_channels"),
        neutral={"antialiasing": "0", "maxpool_zero_nonmax": "0"},
    ),
    "local_avgpool": _Rules(_words("size stride stride_x stride_y padding")),
    "upsample": _Rules(_words("stride scale")),
    "route": _Rules(_words("layers groups group_id")),
    "shortcut": _Rules(_words("from activation weights_type weights_normalization")),
    "avgpool": _Rules(frozenset()),
    "scale_channels": _Rules(_words("from activation scale_wh")),
    "sam": _Rules(_words("from activation")),
    "reorg": _Rules(_words("stride"), neutral={"reverse": "0"}),
    "reorg3d": _Rules(_words("stride"), neutral={"reverse": "0"}),
    "region": _Rules(
        _words("anchors classes num softmax tree"),
        _words(
            "log sqrt focal_loss jitter resize rescore thresh absolute random coord_scale "
            "object_scale noobject_scale mask_scale class_scale bias_match max map"
        ),
        {"coords": "4", "classfix": "0"},
    ),
    "dropout": _Rules(
        frozenset(), _words("probability dropblock dropblock_size_rel dropblock_size_abs")
    ),
    "yolo": _Rules(
        _words("mask anchors classes num scale_x_y new_coords"),
        _IN_YOLO
        | _words(
            "focal_loss show_details embedding_layer track_history_size sim_thresh dets_for_track "
            "dets_for_show track_ciou_norm"
        ),
    ),
    "Gaussian_yolo": _Rules(
        _words("mask anchors classes num scale_x_y"),
        _IN_YOLO | _words("uc_normalizer"),
        {"yolo_point": "center"},
    ),
    "contrastive": _Rules(
        frozenset(),
        _words("classes yolo_layer temperature cls_normalizer max_delta contrastive_neg_max"),
    ),
    "softmax": _Rules(_words("groups temperature"), _words("noloss"), {"tree": "", "spatial": "0"}),
    "cost": _Rules(frozenset(), _words("type scale ratio")),
    "empty": _Rules(frozenset()),
}


def check_options(section: Section) -> None:
    """Refuses options that would change the result and are not supported.

    `section` must be of a supported kind.

    Raises:
        CfgError: a value is not supported, or an option looks like a misspelling of one that
            counts.
    """
    rules = _RULES[section.kind]
    ignored = rules.ignored if section.kind == "net" else rules.ignored | _IN_EVERY_LAYER
    counting = rules.honoured | rules.neutral.keys()
    for name, option in section.options.items():
        if name in rules.neutral:
            if not _is_same(option.value, rules.neutral[name]):
                raise section.error(f"{name}={option.value} is not supported; leave it out", name)
        elif name not in rules.honoured | ignored | _IN_COMMAND_LINE:
            similar = difflib.get_close_matches(name, sorted(counting), n=1, cutoff=_SIMILAR)
            if similar:
                raise section.error(
                    f"'{name}' is not an option of [{section.kind}]; did you mean '{similar[0]}'?",
                    name,
                )


def ignored_options(section: Section) -> list[str]:
    """Returns the options that have no effect in a section of a supported kind."""
    rules = _RULES[section.kind]
    others = rules.honoured | rules.neutral.keys() | set(command_line_options(section))
    return [name for name in section.options if name not in others]


def command_line_options(section: Section) -> list[str]:
    """Returns the options by which Darknet's command line suppresses boxes in another way.

    diounms_sort in box.c does that, if `nms_kind` selects it. Darknet's library (do_nms_sort) and
    OpenCV suppress by plain intersection over union, and so does this project.
    """
    kind = section.options.get("nms_kind")
    if section.kind not in ("yolo", "Gaussian_yolo") or kind is None:
        return []
    if kind.value not in _OWN_SUPPRESSION:
        return []
    return [name for name in section.options if name in _IN_COMMAND_LINE]


def _is_same(value: str, other: str) -> bool:
    try:
        return float(value) == float(other)
    except ValueError:
        return value == other
