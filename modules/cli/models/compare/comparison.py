"""Runs two models over pictures, and collects where they differ; start at `Comparison`."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ....errors import ImageError, PermanentError
from ....models.loader import Model
from ....object_detection.detections import Detections
from ....object_detection.images import Image, decode_image
from ....results.document import too_many_bytes
from ....results.pipeline import find_objects
from ....settings import Settings
from ...local_images import LocalImage, describe_failure
from .accuracy import CONFIDENCE, Accuracy, Rows, measure, truth_document, truth_object
from .differences import ClassCounts, Differences, Names, count_by_class, find_differences
from .sheet import Sheet
from .truth import Truth


@dataclass(frozen=True)
class Compared:
    """A picture and how the models differ in it. width, height: in pixels."""

    image: LocalImage
    width: int
    height: int
    found: Differences


class Comparison:
    """Two models, and what they found in some pictures.

    a, b: the models. names: of the classes of both, by the class ids in `pictures`. pictures: those
    that were read. failures: a message for each of the others. settings: those of both models.
    """

    def __init__(self, a: Model, b: Model, settings: Settings, truth: Truth | None) -> None:
        self.a = a
        self.b = b
        self.settings = settings
        self.truth = truth
        self.names = Names(a.labels, b.labels)
        self.pictures: list[Compared] = []
        self.failures: list[str] = []
        self._milliseconds: tuple[list[float], list[float]] = [], []
        self._rows: tuple[dict[str, Rows], dict[str, Rows]] = {}, {}

    def run(self, images: Iterable[LocalImage]) -> None:
        """Looks at every picture with both models."""
        for image in images:
            try:
                self._compare(image)
            except (PermanentError, OSError) as error:
                self.failures.append(describe_failure(image, error))

    def differing(self) -> list[Compared]:
        """Returns the pictures in which the models differ, the most different ones first."""
        different = [picture for picture in self.pictures if picture.found.size]
        return sorted(different, key=lambda picture: (-picture.found.size, picture.image.key))

    def counts(self) -> dict[str, ClassCounts]:
        """Returns the counts of each class that was found, by its name."""
        counted = count_by_class(picture.found for picture in self.pictures)
        return {self.names.all[number]: counts for number, counts in counted.items()}

    def milliseconds(self) -> tuple[float, float] | None:
        """Returns the median time of each model for a picture; None without any picture."""
        if not self.pictures:
            return None
        first, second = map(statistics.median, self._milliseconds)
        return first, second

    def accuracy(self) -> tuple[Accuracy, Accuracy] | None:
        """Measures both models against the labels; None without labels, or without any picture.

        Only classes count that a model has, and that CLASSES selects.
        """
        if self.truth is None or not self.pictures:
            return None
        annotations: list[dict[str, Any]] = []
        for number, picture in enumerate(self.pictures, 1):
            for item in self.truth.objects(picture.image):
                class_id = self.names.number(item.label)
                if class_id is not None and self._is_wanted(item.label):
                    x, y, width, height = item.box
                    sides = width * picture.width, height * picture.height
                    box = (x * picture.width, y * picture.height, *sides)
                    annotations.append(truth_object(len(annotations) + 1, number, class_id, box))
        keys = [picture.image.key for picture in self.pictures]
        document = truth_document(keys, annotations, len(self.names.all))
        first, second = (measure(document, rows) for rows in self._rows)
        return first, second

    def unknown_objects(self) -> dict[str, int]:
        """Returns how many labelled objects are of classes that neither model has, by class."""
        if self.truth is None:
            return {}
        labels = (
            item.label for picture in self.pictures for item in self.truth.objects(picture.image)
        )
        return dict(Counter(label for label in labels if self.names.number(label) is None))

    def draw_sheet(self, path: Path, most: int) -> list[str]:
        """Writes a sheet of the pictures that differ most; returns failures.

        Raises:
            OSError: the file cannot be written.
        """
        sheet = Sheet(f"A: {_title(self.a)}", f"B: {_title(self.b)}", self.names.all)
        failures = []
        for picture in self.differing()[:most]:
            try:
                decoded = self._decode(picture.image)
                if (decoded.width, decoded.height) != (picture.width, picture.height):
                    raise ImageError("it was changed while the models were compared")
            except (PermanentError, OSError) as error:
                failures.append(describe_failure(picture.image, error))
            else:
                sheet.add(picture.image.key, decoded.pixels, picture.found)
        sheet.write(path)
        return failures

    def _is_wanted(self, label: str) -> bool:
        return not self.settings.classes or label in self.settings.classes

    def _compare(self, image: LocalImage) -> None:
        decoded = self._decode(image)
        found = []
        for model, milliseconds, rows in zip(
            (self.a, self.b), self._milliseconds, self._rows, strict=True
        ):
            detections, every, took = self._detect(model, decoded)
            milliseconds.append(took)
            found.append(self.names.translate(detections, model.labels))
            if every is not None:
                rows[image.key] = _rows(self.names.translate(every, model.labels))
        differences = find_differences(*found)
        self.pictures.append(Compared(image, decoded.width, decoded.height, differences))

    def _detect(self, model: Model, image: Image) -> tuple[Detections, Detections | None, float]:
        """Returns what a model finds, with labels what it finds from `CONFIDENCE` on, and the time.

        Suppression begins with the most confident box, so that one pass with the low confidence
        finds all of the other's boxes. Merging the boxes of slices does not, so that they take two.
        """
        settings = self.settings
        if self.truth is None:
            found, took = _find(model, image, settings)
            return found, None, took
        every, took = _find(model, image, replace(settings, confidence=CONFIDENCE))
        if settings.slice_side is not None or settings.confidence < CONFIDENCE:
            found, took = _find(model, image, settings)
            return found, every, took
        sure = every.confidences > settings.confidence
        found = Detections(every.boxes[sure], every.confidences[sure], every.class_ids[sure])
        return found, every, took

    def _decode(self, image: LocalImage) -> Image:
        size = image.size()
        if size > self.settings.max_image_bytes:
            raise ImageError(too_many_bytes(size, self.settings.max_image_bytes))
        return decode_image(image.read(), max_pixels=self.settings.max_image_pixels)


def _title(model: Model) -> str:
    """Returns a model's name, the size of its input, and the beginning of its digest."""
    width, height = model.detector.input_size
    return f"{model.name}, {width} x {height}, {model.digest.partition(':')[2][:12]}"


def _find(model: Model, image: Image, settings: Settings) -> tuple[Detections, float]:
    """Returns what a model finds in a picture, and the milliseconds that it took."""
    start = time.perf_counter()
    found = find_objects(image.pixels, model, settings, settings.confidence)
    return found, (time.perf_counter() - start) * 1000


def _rows(found: Detections) -> Rows:
    parts = zip(
        found.class_ids.tolist(), found.confidences.tolist(), found.boxes.tolist(), strict=True
    )
    return [[class_id, confidence, *box] for class_id, confidence, box in parts]
