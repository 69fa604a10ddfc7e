"""Models that are uploaded while images are served: no result mixes the files of two models."""

import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from modules.cli.local_aws.bucket import BUCKET, LocalBucket
from modules.models.folder import LocalFolder
from modules.models.loader import Model, load_model
from modules.models.store import ModelStore
from modules.settings import Settings
from tests.colour_model import LABELS, picture, weights, write_colour_model

IMAGE = picture(red=(1, 1), green=(5, 6))
FOLDER = "models/colours/"


def write_other_model(folder: Path) -> Path:
    """Writes a model of three colours; none of its files fits the files of the colour model."""
    write_colour_model(folder)
    cfg = folder / "colours.cfg"
    cfg.write_text(cfg.read_text().replace("filters=7", "filters=8").replace("=2\n", "=3\n"))
    (folder / "colours.names").write_text("rot\ngrün\nblau\n")
    header, values = weights()[:20], np.frombuffer(weights()[20:], "<f4")
    bias, kernel = np.append(values[:7], 0), np.append(values[7:], [-20, -20, 20])
    (folder / "colours.weights").write_bytes(
        header + bias.astype("<f4").tobytes() + kernel.astype("<f4").tobytes()
    )
    return folder


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    return write_colour_model(tmp_path / "a"), write_other_model(tmp_path / "b")


def labels_found(model: Model, image: NDArray[np.uint8] = IMAGE) -> list[str]:
    return sorted(model.labels[index] for index in model.detector.detect(image).class_ids)


EXPECTED = {LABELS: ["green", "red"], ("rot", "grün", "blau"): ["grün", "rot"]}


def uploads(folder: Path, order: random.Random) -> Iterator[tuple[str, bytes]]:
    """Yields a folder's files in the random order in which a tool uploads them."""
    files = sorted(folder.iterdir())
    order.shuffle(files)
    for file in files:
        yield FOLDER + file.name, file.read_bytes()


@pytest.mark.parametrize("seed", range(4))
def test_after_each_uploaded_file_a_whole_model_is_used(
    bucket: LocalBucket, folders: tuple[Path, Path], seed: int
) -> None:
    first, second = folders
    order = random.Random(seed)
    for key, body in uploads(first, order):
        bucket.client.put_object(Bucket=BUCKET, Key=key, Body=body)
    store = ModelStore(bucket.client, Settings(model=FOLDER, model_ttl_seconds=0))
    assert store.model_for(BUCKET).labels == LABELS

    for folder in (second, first, second):
        for key, body in uploads(folder, order):
            bucket.client.put_object(Bucket=BUCKET, Key=key, Body=body)
            model = store.model_for(BUCKET)
            assert labels_found(model) == EXPECTED[model.labels]
        assert store.model_for(BUCKET).digest == load_model(LocalFolder(folder), Settings()).digest


def test_uploads_during_serving_never_mix_two_models(
    bucket: LocalBucket, folders: tuple[Path, Path]
) -> None:
    order = random.Random(0)
    for key, body in uploads(folders[0], order):
        bucket.client.put_object(Bucket=BUCKET, Key=key, Body=body)
    store = ModelStore(bucket.client, Settings(model=FOLDER, model_ttl_seconds=0))
    store.model_for(BUCKET)  # loads a whole model before the first upload interferes
    stop = threading.Event()

    def keep_uploading() -> None:
        while not stop.is_set():
            for folder in reversed(folders):
                for key, body in uploads(folder, order):
                    bucket.client.put_object(Bucket=BUCKET, Key=key, Body=body)
                    time.sleep(order.uniform(0, 0.01))
                time.sleep(order.uniform(0, 0.05))

    uploader = threading.Thread(target=keep_uploading)
    uploader.start()
    try:
        served: list[tuple[str, ...]] = []
        while len(served) < 40 or len(set(served)) < 2:
            model = store.model_for(BUCKET)
            assert labels_found(model) == EXPECTED[model.labels]
            served.append(model.labels)
    finally:
        stop.set()
        uploader.join()

    assert labels_found(store.model_for(BUCKET)) == EXPECTED[LABELS]
