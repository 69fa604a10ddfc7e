"""Measures a quantised network against the network in float; see `Judge` and `interleaved`."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ....errors import ModelError, UsageError
from ....models.folder import LocalFolder
from ....models.loader import load_model
from ....object_detection.detector import Detector
from ....object_detection.engines.registry import DEFAULT, FALLBACK
from ....object_detection.images import decode_image
from ....settings import Settings
from ..compare.accuracy import CONFIDENCE, Rows, measure, truth_document, truth_object

if TYPE_CHECKING:
    from ...local_images import LocalImage
    from ..compare.truth import Truth

LARGEST_LOSS = 0.01  # of mAP
LEAST_GAIN = 0.05  # of the time; less could be chance
_LEAST_ROUNDS, _ROUNDS = 5, 40
_SECONDS = 3.0


@dataclass(frozen=True)
class Score:
    """The accuracy of one network. map50, map50_95: as in `Accuracy`."""

    map50: float
    map50_95: float


class Judge:
    """Scores detectors on pictures, against labels or against what the network in float finds.

    against_labels: which of the two.
    """

    def __init__(
        self,
        images: Sequence[LocalImage],
        settings: Settings,
        truth: Truth | None,
        labels: Sequence[str],
    ) -> None:
        """Takes the pictures.

        Args:
            images: at least one.
            settings: CONFIDENCE, NMS, MULTI_LABEL and MAX_IMAGE_PIXELS are used.
            truth: the labels; None compares with the first detector that is scored.
            labels: the names of the model's classes.
        """
        self.against_labels = truth is not None
        self._images = images
        self._settings = settings
        self._truth = truth
        self._labels = labels
        self._document: dict[str, Any] = {}

    def score(self, detector: Detector, track: Callable[[Iterable[Any]], Iterable[Any]]) -> Score:
        """Runs a detector on all pictures, and scores it; the first one must be that in float.

        track: shows the progress.

        Raises:
            ImageError: a picture cannot be read.
            UsageError: without labels, the network in float finds nothing.
        """
        rows: dict[str, Rows] = {}
        sizes: list[tuple[int, int]] = []
        for number, image in enumerate(track(self._images)):
            pixels = decode_image(image.read(), max_pixels=self._settings.max_image_pixels).pixels
            found = detector.detect(
                pixels,
                confidence=CONFIDENCE,
                nms=self._settings.nms,
                multi_label=self._settings.multi_label,
            )
            parts = zip(found.class_ids, found.confidences, found.boxes.tolist(), strict=True)
            rows[str(number)] = [[int(which), float(score), *box] for which, score, box in parts]
            sizes.append((pixels.shape[1], pixels.shape[0]))
        if not self._document:
            self._document = self._describe(sizes, rows)
        accuracy = measure(self._document, rows)
        return Score(accuracy.map50, accuracy.map50_95)

    def _describe(self, sizes: list[tuple[int, int]], rows: dict[str, Rows]) -> dict[str, Any]:
        """Returns the truth as COCO's document."""
        objects: list[dict[str, Any]] = []
        for number, (size, found) in enumerate(zip(sizes, rows.values(), strict=True)):
            for which, box in (
                self._confident(found)
                if self._truth is None
                else self._labelled(self._truth, self._images[number], size)
            ):
                objects.append(truth_object(len(objects) + 1, number + 1, which, box))
        if not objects and self._truth is None:
            raise UsageError(
                f"the network finds nothing in {len(sizes)} pictures, so what is lost by "
                "quantisation cannot be measured; give pictures that show its objects"
            )
        return truth_document([str(number) for number in range(len(sizes))], objects, self._classes)

    @property
    def _classes(self) -> int:
        return len(self._labels)

    def _confident(self, rows: Rows) -> Iterable[tuple[int, tuple[float, float, float, float]]]:
        for which, confidence, left, top, right, bottom in rows:
            if confidence > self._settings.confidence:
                yield int(which), (left, top, right - left, bottom - top)

    def _labelled(
        self, truth: Truth, image: LocalImage, size: tuple[int, int]
    ) -> Iterable[tuple[int, tuple[float, float, float, float]]]:
        width, height = size
        for item in truth.objects(image):
            if item.label in self._labels:
                left, top, wide, high = item.box
                box = left * width, top * height, wide * width, high * height
                yield self._labels.index(item.label), box


@dataclass(frozen=True)
class Times:
    """Milliseconds of processor time of a forward pass on one thread, in int8 and in float.

    opencv: None if OpenCV does not run the network.
    """

    int8: float
    onnxruntime: float
    opencv: float | None


def interleaved(quantised: Path, original: Path) -> Times:
    """Returns the median times of forward passes of two model folders, which alternate.

    Processor time on one thread depends little on what else the machine does.
    """
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        detectors = [_load(quantised, FALLBACK), _load(original, FALLBACK)]
        try:
            detectors.append(_load(original, DEFAULT))
        except ModelError:
            int8, onnxruntime = _medians(detectors)
            return Times(int8, onnxruntime, None)
        int8, onnxruntime, opencv = _medians(detectors)
        return Times(int8, onnxruntime, opencv)
    finally:
        cv2.setNumThreads(threads)


def _load(folder: Path, engine: str) -> Detector:
    return load_model(LocalFolder(folder), Settings(engine=engine)).detector


def _medians(detectors: Sequence[Detector]) -> list[float]:
    width, height = detectors[0].input_size
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    for detector in detectors:
        detector.raw_outputs(noise)
    rounds: list[list[float]] = []
    end = time.perf_counter() + _SECONDS
    while len(rounds) < _LEAST_ROUNDS or (len(rounds) < _ROUNDS and time.perf_counter() < end):
        rounds.append([_milliseconds(detector, noise) for detector in detectors])
    return [statistics.median(taken) for taken in zip(*rounds, strict=True)]


def _milliseconds(detector: Detector, image: NDArray[np.uint8]) -> float:
    start = time.thread_time()
    detector.raw_outputs(image)
    return (time.thread_time() - start) * 1000


def lost(before: Score, after: Score, *, labels: bool) -> list[str]:
    """Returns a text if a quantised network is too much worse than the one in float.

    labels: whether the scores are against labels; else against what the network in float finds,
    where boxes of that overlap (0.5) count as the same.
    """
    what, old, new = (
        ("mAP@0.5:0.95", before.map50_95, after.map50_95)
        if labels
        else ("agreement with the network in float (mAP@0.5)", before.map50, after.map50)
    )
    if old - new <= LARGEST_LOSS:
        return []
    return [f"its {what} is {new:.4f} instead of {old:.4f}; it may lose {LARGEST_LOSS}"]


def slower(times: Times) -> list[str]:
    """Returns a text if a quantised network is not faster than the faster engine in float."""
    best = min(times.onnxruntime, times.opencv or times.onnxruntime)
    if times.int8 <= best * (1 - LEAST_GAIN):
        return []
    return [
        f"it is not faster here: {times.int8:.2f} ms instead of {best:.2f} "
        "(--allow-slower writes it for another machine)"
    ]
