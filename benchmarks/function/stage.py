"""A bucket with a model and pictures, and functions that serve it; start at `serving`."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2

from benchmarks.invocations import WARM_UP
from modules.cli.local_aws.moto_server import MotoServer
from modules.object_detection.darknet.cfg import parse_cfg
from modules.object_detection.images import encode_image
from tests.object_detection.darknet.random_models import random_weights

from .cpu_share import CpuShare
from .distance import Distance

ROOT = Path(__file__).parent.parent.parent
_SCRIPTS = Path(__file__).parent.parent  # the baselines' Python runs these, too
CACHE = ROOT / ".cache" / "benchmarks"
SHARED = Path(os.environ.get("SHARED_DATA", "../shared"))
BASELINES = ROOT / ".venv-opencv4" / "bin" / "python"
BUCKET = "pictures"
NETWORKS = ("yolo-fastest-1.1", "yolo-fastest-1.1-xl", "yolov3-tiny", "yolov4-tiny", "yolov3")
WARM = 20  # invocations in a process
DISTANCE = 0.005  # seconds to S3, one way, if it is not local
_PICTURES = 60  # in the bucket
_NO_BOX = -12.0  # a bias of objectness, as a logit, that yields no boxes


@dataclass(frozen=True)
class Side:
    """One of the functions that are compared.

    layers: folders that its Python searches, too. variables: replace some of the stage's.
    """

    name: str
    python: Path
    handler: Path
    layers: tuple[Path, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def search_path(self) -> str:
        """PYTHONPATH, with the handler's folder first."""
        return os.pathsep.join(map(str, [self.handler.parent, *self.layers]))


OURS = Side("ours", Path(sys.executable), ROOT / "lambda_function.py")
NAIVE = Side("naive", BASELINES, _SCRIPTS / "naive_function.py")


@dataclass(frozen=True)
class Stage:
    """A bucket with a model and pictures, and the environment of the functions that use it."""

    client: Any
    environment: dict[str, str]


@contextlib.contextmanager
def serving(network: str, distance: float = 0) -> Iterator[Stage]:
    """Yields a stage; `distance` is the latency from the function to S3, seconds one way."""
    with MotoServer() as server, contextlib.ExitStack() as stack:
        client = server.client("s3")
        client.create_bucket(Bucket=BUCKET)
        folder = model_folder(network)
        for path in folder.iterdir():
            client.upload_file(str(path), BUCKET, f"models/{network}/{path.name}")
        picture = cv2.resize(cv2.imread(str(ROOT / "demo" / "street.jpg")), (768, 576))
        body = encode_image(picture, "jpeg")
        for index in range(_PICTURES):
            client.put_object(Bucket=BUCKET, Key=f"input/{index}.jpg", Body=body)
        environment = {
            "MODEL": f"s3://{BUCKET}/models/{network}/",
            "MODEL_PREFIX": f"models/{network}/",
            "NETWORK": network,
            "SIZE": str(parse_cfg((folder / f"{network}.cfg").read_text())[0].integer("width")),
        }
        if distance:
            port = int(server.endpoint.rpartition(":")[2])
            far = stack.enter_context(Distance(port, distance))
            environment["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{far.port}"
        yield Stage(client, {**os.environ, **server.environment, **environment})


def event(*indices: int) -> dict[str, Any]:
    """Returns an S3 event that names pictures by their numbers."""
    records = [
        {
            "eventSource": "aws:s3",
            "eventName": "ObjectCreated:Put",
            "s3": {
                "bucket": {"name": BUCKET},
                "object": {"key": f"input/{index}.jpg", "sequencer": f"{time.time_ns():X}"},
            },
        }
        for index in indices
    ]
    return {"Records": records}


def invocations(
    stage: Stage,
    side: Side,
    *,
    share: CpuShare | None = None,
    events: int = WARM,
    images: int = 1,
    **variables: str,
) -> list[dict[str, Any]]:
    """Runs a function on events with `images` images each; returns a row for each event.

    The rows are those that invocations.py prints.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "events.json")
        numbers = itertools.count()
        path.write_text(
            json.dumps([event(*itertools.islice(numbers, images)) for _ in range(events + WARM_UP)])
        )
        command = [str(side.python), str(_SCRIPTS / "invocations.py"), str(side.handler), str(path)]
        run = subprocess.run(
            share.command(command) if share else command,
            env={**stage.environment, **variables, "TMP_FOLDER": folder},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=True,
        )
    tidy(stage)
    rows: list[dict[str, Any]] = json.loads(run.stdout.splitlines()[-1])
    return rows


def tidy(stage: Stage) -> None:
    """Deletes all results."""
    listing = stage.client.list_objects_v2(Bucket=BUCKET, Prefix="output/")
    for item in listing.get("Contents", ()):
        stage.client.delete_object(Bucket=BUCKET, Key=item["Key"])


def without_s3(row: dict[str, Any]) -> float:
    """Returns the seconds of an invocation without those in calls to S3."""
    return float(row["total"] - row["s3"])


def median(rows: list[dict[str, Any]], value: Callable[[dict[str, Any]], float]) -> float:
    """Returns the median of `value` over the rows."""
    return statistics.median(map(value, rows))


def model_folder(network: str) -> Path:
    """Returns the network's folder: the shared one, or a new one with random weights."""
    shared = SHARED / "models" / network
    if shared.is_dir():
        return shared.resolve()
    folder = CACHE / "models" / network
    if not folder.is_dir():
        cfg = (SHARED / "cfg" / f"{network}.cfg").read_text()
        folder.mkdir(parents=True)
        (folder / f"{network}.cfg").write_text(cfg)
        (folder / f"{network}.weights").write_bytes(random_weights(cfg, objectness=_NO_BOX))
        (names,) = (SHARED / "models" / "yolo-fastest-1.1").glob("*.names")
        (folder / "coco.names").write_bytes(names.read_bytes())
    return folder.resolve()


def onnx_file(network: str) -> Path:
    """Returns the network as an ONNX file, converted by `models convert`."""
    path = CACHE / "models" / f"{network}.onnx"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        command = [
            sys.executable,
            "-m",
            "modules",
            "models",
            "convert",
            model_folder(network),
            path,
        ]
        subprocess.run(list(map(str, command)), cwd=ROOT, check=True)
    return path
