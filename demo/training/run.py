"""One training run: its network, optimiser and progress; start at `Run`."""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import track
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

from modules.cli.models.compare.accuracy import Accuracy, measure
from modules.object_detection.darknet import import_darknet
from modules.object_detection.detector import Detector

from ..drawing.varieties import KINDS
from ..market.scenes import TRAINING_SEED
from .dataset import Scenes, batches
from .loss import yolo_loss
from .network import DarknetNetwork

BATCH = 16  # images, over all processes
_RATE = 2e-3  # the highest learning rate
_LAST_RATE = 0.01  # the learning rate at the end, as a share of the highest
_WARM_UP = 150  # steps
_STEPS_PER_CLOCK_READING = 10
_DECAY = 0.02  # of weights
_AVERAGE = 0.998  # of the weights over steps; the averaged weights are the result
_MIN_CONFIDENCE = 0.001


@dataclass(frozen=True)
class Epoch:
    """A row of the log.

    images: trained on so far. seconds: used so far. rate: the learning rate. box, objectness and
    classes: mean losses. map50: mAP@0.5 on the first held-out scenes.
    """

    epoch: int
    images: int
    seconds: int
    rate: float
    box: float
    objectness: float
    classes: float
    map50: float


class Run:
    """The network, its averaged copy, the optimiser and the progress of a training run."""

    def __init__(self, cfg: Path, checkpoint: Path, seconds: float) -> None:
        """Starts a run, or continues from the checkpoint if that file exists.

        seconds: the time for training, in all.
        """
        torch.manual_seed(0)
        self._cfg = cfg.read_text()
        self._network = DarknetNetwork(self._cfg)
        expect_few_objects(self._network)
        self._average = DarknetNetwork(self._cfg)
        self._average.load_state_dict(self._network.state_dict())
        self._optimiser = torch.optim.AdamW(parameter_groups(self._network), lr=_RATE)
        self._checkpoint = checkpoint
        self._step = 0
        self.log: list[Epoch] = []
        if checkpoint.exists():
            self._load()
        self._epoch = len(self.log)
        self._start = time.monotonic() - (self.log[-1].seconds if self.log else 0)
        self._seconds = seconds
        self._done = 0.0  # share of the time that is used up, 0 to 1
        self._shared = DistributedDataParallel(self._network)

    @property
    def is_over(self) -> bool:
        """Whether the time is used up."""
        return self._done >= 1

    def train_epoch(self, training: Scenes) -> list[float]:
        """Trains on this process's share of the scenes until the end or the time limit.

        Returns the mean losses: box, objectness, classes.
        """
        self._epoch += 1
        rank, processes = distributed.get_rank(), distributed.get_world_size()
        size = self._network.width, self._network.height
        rng = np.random.default_rng([TRAINING_SEED, self._epoch, rank])
        order = np.random.default_rng([TRAINING_SEED, self._epoch]).permutation(len(training))
        share = order[: len(order) // BATCH * BATCH][rank::processes]
        self._network.train()
        losses = []
        for images, truth in track(
            batches(training, share, rng, BATCH // processes, *size),
            f"epoch {self._epoch}",
            len(order) // BATCH,
            transient=True,
            disable=rank > 0,
        ):
            losses.append(self._learn(torch.from_numpy(images), torch.from_numpy(truth)))
            if self.is_over:
                break
        means: list[float] = np.mean(losses, axis=0).tolist()
        return means

    def measure(self, held_out: Scenes, losses: list[float]) -> Epoch:
        """Measures the averaged network, appends the result to the log, and saves a checkpoint."""
        map50 = self._measure(held_out).map50
        rate = self._optimiser.param_groups[0]["lr"]
        images, seconds = self._step * BATCH, round(time.monotonic() - self._start)
        box, objectness, classes = losses
        row = Epoch(self._epoch, images, seconds, rate, box, objectness, classes, map50)
        self.log.append(row)
        self._save()
        return row

    def write_weights(self, path: Path) -> None:
        """Writes the averaged network's weights in Darknet's format."""
        self._average.write_weights(path, self._step * BATCH)

    def _learn(self, images: torch.Tensor, truth: torch.Tensor) -> list[float]:
        if self._step % _STEPS_PER_CLOCK_READING == 0:
            self._update_done()
        rate = _RATE * rate_share(self._step, self._done)
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        loss = yolo_loss(self._shared(images), self._network.heads, truth, self._network.width)
        self._optimiser.zero_grad()
        loss.total().backward()
        torch.nn.utils.clip_grad_norm_(self._network.parameters(), 10.0)
        self._optimiser.step()
        self._step += 1
        self._update_average()
        return [loss.box.item(), loss.objectness.item(), loss.classes.item()]

    def _update_done(self) -> None:
        """Uses the first process's time: all have the same rate and stop at the same step."""
        done = torch.tensor((time.monotonic() - self._start) / self._seconds)
        distributed.broadcast(done, 0)
        self._done = done.item()

    def _update_average(self) -> None:
        """Moves the averaged weights toward the current ones, in larger steps at the start."""
        keep = _AVERAGE * (1 - math.exp(-self._step / 400))
        current = self._network.state_dict()
        for name, value in self._average.state_dict().items():
            if value.is_floating_point():
                value.lerp_(current[name], 1 - keep)

    def _measure(self, scenes: Scenes) -> Accuracy:
        """Measures the averaged network through its `.weights` file, as users will run it."""
        path = self._checkpoint.with_suffix(".weights")
        self.write_weights(path)
        with path.open("rb") as file:
            detector = Detector(import_darknet(self._cfg, file))
        detections = {}
        for number, pixels in enumerate(scenes.pixels):
            found = detector.detect(np.ascontiguousarray(pixels), confidence=_MIN_CONFIDENCE)
            parts = zip(found.class_ids, found.confidences, found.boxes.tolist(), strict=True)
            detections[str(number)] = [[int(c), float(p), *box] for c, p, box in parts]
        return measure(as_coco(scenes), detections)

    def _save(self) -> None:
        state = {
            "network": self._network.state_dict(),
            "average": self._average.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "step": self._step,
            "log": [asdict(row) for row in self.log],
        }
        unfinished = self._checkpoint.with_suffix(".part")
        torch.save(state, unfinished)
        unfinished.replace(self._checkpoint)

    def _load(self) -> None:
        state = torch.load(self._checkpoint)
        self._network.load_state_dict(state["network"])
        self._average.load_state_dict(state["average"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._step = state["step"]
        self.log = [Epoch(**row) for row in state["log"]]


def rate_share(step: int, done: float) -> float:
    """Returns the learning rate's share of its maximum: a linear rise, then half a cosine.

    The cosine follows Loshchilov, Hutter, 2017. done: share of the time that is used up, 0 to 1.
    """
    if step < _WARM_UP:
        return (step + 1) / _WARM_UP
    return _LAST_RATE + (1 - _LAST_RATE) * (1 + math.cos(math.pi * min(1.0, done))) / 2


def expect_few_objects(network: DarknetNetwork) -> None:
    """Sets the heads' biases so that the first predictions are low (Lin et al., 2017)."""
    for head in network.heads:
        convolution = network.layers[head.source][0]
        with torch.no_grad():
            bias = convolution.bias.view(len(head.anchors), -1)
            bias[:, 4] = -4.5
            bias[:, 5:] = -2.0


def parameter_groups(network: DarknetNetwork) -> list[dict[str, Any]]:
    """Returns the optimiser's groups: weight decay for kernels, none for biases and batch norms."""
    kernels = [value for value in network.parameters() if value.ndim > 1]
    others = [value for value in network.parameters() if value.ndim <= 1]
    return [{"params": kernels, "weight_decay": _DECAY}, {"params": others, "weight_decay": 0.0}]


def as_coco(scenes: Scenes) -> dict[str, Any]:
    """Returns the scenes' labels as a COCO document; a scene's file name is its number."""
    annotations = [
        {
            "id": 0,
            "image_id": number + 1,
            "category_id": int(class_id),
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "area": (x2 - x1) * (y2 - y1),
            "iscrowd": 0,
        }
        for number, rows in enumerate(scenes.labels)
        for class_id, x1, y1, x2, y2 in rows.tolist()
    ]
    for number, annotation in enumerate(annotations, 1):
        annotation["id"] = number
    return {
        "info": {},
        "images": [{"id": n + 1, "file_name": str(n)} for n in range(len(scenes.labels))],
        "annotations": annotations,
        "categories": [{"id": class_id} for class_id in range(len(KINDS))],
    }
