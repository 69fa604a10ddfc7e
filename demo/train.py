"""Trains the embedded model from scratch, on rendered scenes only.

    make train
    .venv-training/bin/python demo/train.py demo/fruits/fruits.cfg [--minutes N] [--scenes N]

Writes the `.weights` next to the cfg, and the training's progress to `training.csv` and
`training.png` in this folder. An interrupted run continues after its last complete epoch. It is
measured as `make accuracy` does, on held-out scenes, by the detector that will run the model.

Every core runs a process with a share of each batch, and the processes average their gradients. On
a busy machine this waits less than threads do, which synchronise after every layer. The learning
rate falls with the share of the time that is used up, so a run ends on time on a busy machine, too.
"""

from __future__ import annotations

import argparse
import csv
import os
import socket
import sys
from dataclasses import asdict, fields
from pathlib import Path

import cv2
import torch
from rich.console import Console
from torch import distributed, multiprocessing

sys.path.insert(0, str(Path(__file__).parent.parent))

from demo.market.scenes import HELD_OUT_SEED, TRAINING_SEED
from demo.training.curve import draw_curve
from demo.training.dataset import rendered
from demo.training.run import BATCH, Epoch, Run

_HELD_OUT = 300
_MEASURED = 100  # of the held-out scenes, after each epoch


def main() -> int:
    """Trains, and measures after every epoch; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("cfg", type=Path, help="the network; its .weights are written next to it")
    parser.add_argument("--minutes", type=float, default=60, help="time to train; default 60")
    parser.add_argument("--scenes", type=int, default=3200, help="scenes to train on; default 3200")
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path(".cache/demo"),
        help="the folder that keeps scenes and progress",
    )
    parser.add_argument("--processes", type=int, default=min(BATCH, os.cpu_count() or 1))
    arguments = parser.parse_args()
    if BATCH % arguments.processes:
        parser.error(
            f"--processes: a batch of {BATCH} does not divide evenly by {arguments.processes}"
        )
    rendered(arguments.cache, TRAINING_SEED, arguments.scenes)
    rendered(arguments.cache, HELD_OUT_SEED, _HELD_OUT)
    multiprocessing.spawn(work, (arguments, free_port()), arguments.processes)
    return 0


def free_port() -> int:
    """Returns a free port on this machine, through which the processes connect."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def work(rank: int, arguments: argparse.Namespace, port: int) -> None:
    """Runs one process; the process of rank 0 also measures, logs and saves."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    distributed.init_process_group(
        "gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=arguments.processes
    )
    training = rendered(arguments.cache, TRAINING_SEED, arguments.scenes)
    held_out = rendered(arguments.cache, HELD_OUT_SEED, _HELD_OUT).first(_MEASURED)
    run = Run(arguments.cfg, arguments.cache / "checkpoint.pt", arguments.minutes * 60)
    while not run.is_over:
        losses = run.train_epoch(training)
        if rank == 0:
            Console().print(run.measure(held_out, losses))
            write_log(run.log, Path(__file__).parent)
            run.write_weights(arguments.cfg.with_suffix(".weights"))
    distributed.destroy_process_group()


def write_log(log: list[Epoch], folder: Path) -> None:
    """Writes `training.csv` and `training.png` to the folder."""
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
