"""Trains the embedded model from scratch, on nothing but rendered scenes.

    make train
    .venv-training/bin/python demo/train.py demo/fruits/fruits.cfg [--minutes N] [--scenes N]

Writes the `.weights` beside the cfg, and what happened on the way to `training.csv` and
`training.png` in this folder. A run that was broken off goes on where it was, epoch by epoch. The
measure is that of `make accuracy`, on held-out scenes, by the detector that will run the model.

Every core gets a process with a share of each batch, and gradients are averaged between them: on a
busy machine that waits less than threads do, which meet after every layer. The learning rate falls
with the share of the time that is used up, so a run ends when it should, whatever else runs.
"""

from __future__ import annotations

import argparse
import csv
import math
import os
import socket
import sys
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from torch import distributed, multiprocessing
from torch.nn.parallel import DistributedDataParallel

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.accuracy import Accuracy, measure
from demo.drawing.varieties import KINDS
from demo.market.scenes import HELD_OUT_SEED, TRAINING_SEED
from demo.training.curve import draw_curve
from demo.training.dataset import Scenes, batches, rendered
from demo.training.loss import yolo_loss
from demo.training.network import DarknetNetwork
from modules.object_detection.darknet import import_darknet
from modules.object_detection.detector import Detector

_BATCH = 16  # over all processes
_RATE = 2e-3
_LAST_RATE = 0.01  # share of the rate that is left in the end
_WARM_UP = 150  # steps
_STEPS_BETWEEN_LOOKS = 10  # at the clock
_DECAY = 0.02  # of weights
_AVERAGE = 0.998  # of the weights, which is what is kept, over steps
_HELD_OUT = 300
_GLANCE = 100  # of them are measured after each epoch
_LEAST_CONFIDENCE = 0.001


@dataclass(frozen=True)
class Epoch:
    """A row of the log; map50 is of the first held-out scenes."""

    epoch: int
    images: int
    seconds: int
    rate: float
    box: float
    objectness: float
    classes: float
    map50: float


def main() -> int:
    """Trains, measuring after every epoch; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("cfg", type=Path, help="the network; its .weights will lie beside it")
    parser.add_argument("--minutes", type=float, default=60, help="for training; default 60")
    parser.add_argument("--scenes", type=int, default=3200, help="to train on; default 3200")
    parser.add_argument("--cache", type=Path, default=Path(".cache/demo"), help="scenes, progress")
    parser.add_argument("--processes", type=int, default=min(_BATCH, os.cpu_count() or 1))
    arguments = parser.parse_args()
    if _BATCH % arguments.processes:
        parser.error(f"--processes: {arguments.processes} do not share a batch of {_BATCH} evenly")
    rendered(arguments.cache, TRAINING_SEED, arguments.scenes)
    rendered(arguments.cache, HELD_OUT_SEED, _HELD_OUT)
    multiprocessing.spawn(work, (arguments, free_port()), arguments.processes)
    return 0


def free_port() -> int:
    """A port on this machine where the processes can meet."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def work(rank: int, arguments: argparse.Namespace, port: int) -> None:
    """One process's part; the first one measures, logs and saves."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    distributed.init_process_group(
        "gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=arguments.processes
    )
    training = rendered(arguments.cache, TRAINING_SEED, arguments.scenes)
    held_out = rendered(arguments.cache, HELD_OUT_SEED, _HELD_OUT).first(_GLANCE)
    run = Run(arguments.cfg, arguments.cache / "checkpoint.pt", arguments.minutes * 60)
    while not run.over:
        losses = run.train_epoch(training)
        if rank == 0:
            Console().print(run.measure(held_out, losses))
            write_log(run.log, Path(__file__).parent)
            run.write_weights(arguments.cfg.with_suffix(".weights"))
    distributed.destroy_process_group()


class Run:
    """A training run: the network, its averaged twin, the optimiser, and where it stands."""

    def __init__(self, cfg: Path, checkpoint: Path, seconds: float) -> None:
        """Begins, or goes on from the checkpoint if there is one."""
        torch.manual_seed(0)
        self._cfg = cfg.read_text()
        self._network = DarknetNetwork(self._cfg)
        begin_doubtful(self._network)
        self._average = DarknetNetwork(self._cfg)
        self._average.load_state_dict(self._network.state_dict())
        self._optimiser = torch.optim.AdamW(grouped(self._network), lr=_RATE)
        self._checkpoint = checkpoint
        self._step = 0
        self.log: list[Epoch] = []
        if checkpoint.exists():
            self._load()
        self._epoch = len(self.log)
        self._began = time.monotonic() - (self.log[-1].seconds if self.log else 0)
        self._seconds = seconds
        self._done = 0.0  # the share of the time that is used up
        self._shared = DistributedDataParallel(self._network)

    @property
    def over(self) -> bool:
        """Whether the time is used up."""
        return self._done >= 1

    def train_epoch(self, training: Scenes) -> list[float]:
        """One pass over this process's share of the scenes, or what time allows; mean losses."""
        self._epoch += 1
        rank, processes = distributed.get_rank(), distributed.get_world_size()
        size = self._network.width, self._network.height
        rng = np.random.default_rng([TRAINING_SEED, self._epoch, rank])
        order = np.random.default_rng([TRAINING_SEED, self._epoch]).permutation(len(training))
        share = order[: len(order) // _BATCH * _BATCH][rank::processes]
        self._network.train()
        losses = []
        for images, truth in track(
            batches(training, share, rng, _BATCH // processes, *size),
            f"epoch {self._epoch}",
            len(order) // _BATCH,
            transient=True,
            disable=rank > 0,
        ):
            losses.append(self._learn(torch.from_numpy(images), torch.from_numpy(truth)))
            if self.over:
                break
        means: list[float] = np.mean(losses, axis=0).tolist()
        return means

    def measure(self, held_out: Scenes, losses: list[float]) -> Epoch:
        """Measures the averaged network, enters that into the log, and saves all."""
        map50 = self._measure(held_out).map50
        rate = self._optimiser.param_groups[0]["lr"]
        images, seconds = self._step * _BATCH, round(time.monotonic() - self._began)
        box, objectness, classes = losses
        row = Epoch(self._epoch, images, seconds, rate, box, objectness, classes, map50)
        self.log.append(row)
        self._save()
        return row

    def write_weights(self, path: Path) -> None:
        """Writes the averaged network's weights."""
        self._average.write_weights(path, self._step * _BATCH)

    def _learn(self, images: torch.Tensor, truth: torch.Tensor) -> list[float]:
        if self._step % _STEPS_BETWEEN_LOOKS == 0:
            self._look_at_the_clock()
        rate = _RATE * rate_share(self._step, self._done)
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        loss = yolo_loss(self._shared(images), self._network.heads, truth, self._network.width)
        self._optimiser.zero_grad()
        loss.total().backward()
        torch.nn.utils.clip_grad_norm_(self._network.parameters(), 10.0)
        self._optimiser.step()
        self._step += 1
        self._blend()
        return [loss.box.item(), loss.objectness.item(), loss.classes.item()]

    def _look_at_the_clock(self) -> None:
        """The first process's counts, so that all have the same rate and stop together."""
        done = torch.tensor((time.monotonic() - self._began) / self._seconds)
        distributed.broadcast(done, 0)
        self._done = done.item()

    def _blend(self) -> None:
        """Moves the average a little towards the network, and farther in the beginning."""
        keep = _AVERAGE * (1 - math.exp(-self._step / 400))
        now = self._network.state_dict()
        for name, value in self._average.state_dict().items():
            if value.is_floating_point():
                value.lerp_(now[name], 1 - keep)

    def _measure(self, scenes: Scenes) -> Accuracy:
        """Runs the averaged network as everyone will: through its `.weights`."""
        path = self._checkpoint.with_suffix(".weights")
        self.write_weights(path)
        with path.open("rb") as file:
            detector = Detector(import_darknet(self._cfg, file))
        detections = {}
        for number, pixels in enumerate(scenes.pixels):
            found = detector.detect(np.ascontiguousarray(pixels), confidence=_LEAST_CONFIDENCE)
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
    """The learning rate's share: up in a line, down in half a cosine (Loshchilov, Hutter, 2017)."""
    if step < _WARM_UP:
        return (step + 1) / _WARM_UP
    return _LAST_RATE + (1 - _LAST_RATE) * (1 + math.cos(math.pi * min(1.0, done))) / 2


def begin_doubtful(network: DarknetNetwork) -> None:
    """Sets the heads' biases so that objects are rare, as they are (Lin et al., 2017)."""
    for head in network.heads:
        convolution = network.layers[head.source][0]
        with torch.no_grad():
            bias = convolution.bias.view(len(head.anchors), -1)
            bias[:, 4] = -4.5
            bias[:, 5:] = -2.0


def grouped(network: DarknetNetwork) -> list[dict[str, Any]]:
    """Kernels decay, biases and batch norms do not."""
    kernels = [value for value in network.parameters() if value.ndim > 1]
    others = [value for value in network.parameters() if value.ndim <= 1]
    return [{"params": kernels, "weight_decay": _DECAY}, {"params": others, "weight_decay": 0.0}]


def as_coco(scenes: Scenes) -> dict[str, Any]:
    """The scenes' truth as a COCO document; a scene's file name is its number."""
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


def write_log(log: list[Epoch], folder: Path) -> None:
    """Writes `training.csv` and `training.png`."""
    with (folder / "training.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(field.name for field in fields(Epoch))
        for row in log:
            values = asdict(row).values()
            writer.writerow(f"{v:.5g}" if isinstance(v, float) else v for v in values)
    losses = [row.box + row.objectness + row.classes for row in log]
    curve = draw_curve([row.map50 for row in log], losses)
    cv2.imwrite(str(folder / "training.png"), curve)


if __name__ == "__main__":
    sys.exit(main())
