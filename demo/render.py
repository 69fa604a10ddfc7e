"""Renders pictures of fruit: labelled market scenes, or folders of single fruits.

    .venv/bin/python demo/render.py scenes OUT --count 300 --seed 2
    .venv/bin/python demo/render.py fruits OUT --classes 131 --count 67692

The same seed gives the same pictures, whatever the number of processes.
"""

from __future__ import annotations

import argparse
import functools
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

sys.path.insert(0, str(Path(__file__).parent.parent))

from demo.drawing.fruit import draw
from demo.drawing.varieties import KINDS, variety
from demo.market.scenes import HELD_OUT_SEED, SAMPLE_SEED, TRAINING_SEED, render_scene
from demo.market.stage import Label
from modules.object_detection.sizes import parse_size

_QUALITY = 92
_MAX_SIDE = 4096
_CHUNK = 16  # pictures that a process is given at a time


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    out: Path = options.out
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        message = f"{out} is not an empty folder; name a new or an empty one"
        Console(stderr=True).print(message, style="red", soft_wrap=True)
        return 2
    options.render(options)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="scenes|fruits")
    scenes = commands.add_parser(
        "scenes",
        help="market stalls, with YOLO labels",
        description="Market stalls: OUT/images/*.jpg, OUT/labels/*.txt in YOLO's format (class "
        "x y width height, centres and sizes in units of the picture) and OUT/fruits.names.",
    )
    scenes.set_defaults(render=_render_scenes)
    scenes.add_argument(
        "--size",
        type=functools.partial(parse_size, square=False, smallest=64, largest=_MAX_SIDE),
        default=(640, 480),
        metavar="WxH",
        help="640x480",
    )
    seeds = (
        f"training uses {TRAINING_SEED}, its evaluation {HELD_OUT_SEED}, the samples {SAMPLE_SEED}"
    )
    fruits = commands.add_parser(
        "fruits",
        help="single fruits on white, in one folder per variety",
        description="Single fruits on white, as in the Fruits-360 data set: OUT/apple-1/00000.jpg "
        "and so on, in one folder per variety. A picture's label is its folder's name.",
    )
    fruits.set_defaults(render=_render_fruits)
    fruits.add_argument("--classes", type=_positive, default=131, help="folders; default 131")
    fruits.add_argument("--size", type=_side, default=100, help="side, in pixels; default 100")
    for command, count, note in ((scenes, 300, f"; {seeds}"), (fruits, 1310, "")):
        command.add_argument("out", type=Path, metavar="OUT", help="a new or empty folder")
        command.add_argument(
            "--count", type=_positive, default=count, help=f"pictures in all; default {count}"
        )
        command.add_argument(
            "--seed", type=_natural, default=HELD_OUT_SEED, help=f"default {HELD_OUT_SEED}{note}"
        )
        command.add_argument(
            "--processes", type=_positive, default=os.cpu_count(), help="default: one per core"
        )
    return parser


def _render_scenes(options: argparse.Namespace) -> None:
    for name in ("images", "labels"):
        (options.out / name).mkdir(parents=True)
    (options.out / "fruits.names").write_text("\n".join(KINDS) + "\n")
    write = functools.partial(_write_scene, options.out, options.seed, options.size)
    _in_parallel(write, range(options.count), options.count, options.processes, "scenes")


def _write_scene(out: Path, seed: int, size: tuple[int, int], number: int) -> None:
    scene = render_scene(seed, number, size)
    name = f"market-{number:05d}"
    _write_jpeg(out / "images" / f"{name}.jpg", scene.pixels)
    lines = (yolo_line(label, size) for label in scene.labels)
    (out / "labels" / f"{name}.txt").write_text("".join(f"{line}\n" for line in lines))


def yolo_line(label: Label, size: tuple[int, int]) -> str:
    """Formats a label for YOLO: class, centre x and y, width, height, in units of the picture."""
    x1, y1, x2, y2 = label.box
    width, height = size
    values = (x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height
    return f"{label.class_id} " + " ".join(f"{value:.6f}" for value in values)


def _render_fruits(options: argparse.Namespace) -> None:
    each, more = divmod(options.count, options.classes)
    jobs = []
    for number in range(options.classes):
        (options.out / _folder(number)).mkdir(parents=True)
        jobs += [(number, place) for place in range(each + (number < more))]
    write = functools.partial(_write_fruit, options.out, options.seed, options.size)
    _in_parallel(write, jobs, len(jobs), options.processes, "fruits")


def _folder(number: int) -> str:
    """Returns a class's name. Classes take the kinds in turn; varieties are numbered from 1."""
    turn, kind = divmod(number, len(KINDS))
    return f"{KINDS[kind]}-{turn + 1}"


def _write_fruit(out: Path, seed: int, side: int, job: tuple[int, int]) -> None:
    number, place = job
    turn, kind = divmod(number, len(KINDS))
    sprite = draw(variety(KINDS[kind], turn + 1), np.random.default_rng([seed, *job]), side)
    alpha = sprite[:, :, 3:].astype(np.float32) / 255
    picture = 255 + (sprite[:, :, :3] - np.float32(255)) * alpha
    _write_jpeg(out / _folder(number) / f"{place:05d}.jpg", picture.astype(np.uint8))


def _write_jpeg(path: Path, pixels: NDArray[np.uint8]) -> None:
    encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1]
    path.write_bytes(encoded.tobytes())


def _in_parallel(
    write: Callable[[Any], None], jobs: Iterable[Any], count: int, processes: int, description: str
) -> None:
    console = Console(stderr=True)
    if processes == 1:
        for job in track(jobs, description, count, console=console):
            write(job)
        return
    # spawned: in a fork, locks that another thread held would never be released
    spawning = multiprocessing.get_context("spawn")
    with spawning.Pool(min(processes, count), cv2.setNumThreads, (1,)) as pool:
        for _ in track(
            pool.imap_unordered(write, jobs, _CHUNK), description, count, console=console
        ):
            pass


def _positive(text: str) -> int:
    return _whole_number(text, 1)


def _natural(text: str) -> int:
    return _whole_number(text, 0)


def _whole_number(text: str, minimum: int) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < minimum:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number of {minimum} or more")
    return int(text)


def _side(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 16 <= int(text) <= _MAX_SIDE:
        raise argparse.ArgumentTypeError(
            f"'{text}' is not a number of pixels from 16 to {_MAX_SIDE}"
        )
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
