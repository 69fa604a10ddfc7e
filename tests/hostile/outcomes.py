"""Gives the whole outcome of an image as one line of text; see `outcome_of`.

    python -m tests.hostile.outcomes MODEL IMAGE...

prints one line for each image, from a process that handled only this image.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path

from modules.errors import PermanentError
from modules.models.folder import LocalFolder
from modules.models.loader import Model, load_model
from modules.results.document import Source, describe_failure, describe_result
from modules.results.pipeline import draw, process
from modules.settings import Settings
from modules.telemetry.timings import Timings

SETTINGS = Settings(max_image_pixels=1_000_000, confidence=0.3)


def outcome_of(data: bytes, model: Model) -> str:
    """Returns as JSON the document and the SHA-256 of the annotated image, or the failed record."""
    timings, source = Timings(), Source("a", "b")
    try:
        result = process(data, model, SETTINGS, timings)
        annotated = draw(result, model, SETTINGS, timings)
    except PermanentError as error:
        return json.dumps(describe_failure(source, len(data), error))
    document = describe_result(
        source, len(data), result, model, SETTINGS, timings, annotated_key=None
    )
    del document["timings_ms"]
    return json.dumps([document, hashlib.sha256(annotated or b"").hexdigest()])


def main(folder: str, *images: str) -> None:
    """Forks a process for each image, before anything is loaded: it has only done its imports."""
    for image in images:
        if not os.fork():
            model = load_model(LocalFolder(Path(folder)), SETTINGS)
            print(outcome_of(Path(image).read_bytes(), model), flush=True)
            os._exit(0)
        _, status = os.wait()
        if status:
            sys.exit(f"{image}: {status}")


if __name__ == "__main__":
    main(*sys.argv[1:])
