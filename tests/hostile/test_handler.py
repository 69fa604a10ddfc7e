"""A dozen unusual files in a bucket, each served by the application that Lambda runs."""

import io
import json
from collections.abc import Callable
from typing import Any

import PIL.Image

from modules.cli.local_aws.bucket import BUCKET, LocalBucket
from tests.function.local_function import LocalFunction
from tests.hostile.corpus import KINDS
from tests.hostile.kinds import MAX_PIXELS, Kind

DOZEN = [
    "nothing",
    "HTML",
    "animated GIF",
    "HEIC",
    "AVIF",
    "JPEG 2000",
    "PDF with a JPEG in it",
    "JPEG cut at 7/8",
    "PNG of 65,535 squared",
    "PNG with texts that inflate",
    "JPEG of many scans",
    "JPEG that is also a ZIP",
    "PNG to be turned upright",
    "CMYK JPEG",
    "TIFF of several pages",
    "TIFF of floats, NaN and Inf",
    "run-length BMP",
    "animated WebP",
    "JPEG of 65500 x 1",
]


def test_every_file_gets_either_a_result_or_a_failure_record(
    bucket: LocalBucket, make_function: Callable[..., LocalFunction]
) -> None:
    function = make_function(max_image_pixels=MAX_PIXELS)
    kinds = {kind.name: kind for kind in KINDS}
    for name in DOZEN:
        key = f"input/{name}.jpg"  # all names end in .jpg, whatever the format is
        bucket.client.put_object(Bucket=BUCKET, Key=key, Body=kinds[name].data)

    reports = [function.handle(event) for event in bucket.events()]

    assert sum(len(report["done"]) + len(report["failed"]) for report in reports) == len(DOZEN)
    for name in DOZEN:
        _check_outcome(bucket, kinds[name])


def _check_outcome(bucket: LocalBucket, kind: Kind) -> None:
    reason = f"failed/{kind.name}.jpg.json"
    document = _read(bucket, f"output/{kind.name}.jpg.json")
    if kind.refusal is not None:
        assert _read(bucket, f"output/{kind.name}.jpg") is None
        assert document is None
        message = json.loads(_read(bucket, reason)["Body"].read())["error"]["message"]
        assert kind.refusal in message
        return
    assert _read(bucket, reason) is None
    body = json.loads(document["Body"].read())
    assert (body["image"]["width"], body["image"]["height"]) == kind.size
    published = _read(bucket, body["annotated"]["key"])
    assert published["ContentType"] == body["annotated"]["media_type"]
    with PIL.Image.open(io.BytesIO(published["Body"].read())) as drawn:
        assert drawn.size == kind.size
        assert published["ContentType"] == PIL.Image.MIME[str(drawn.format)]


def _read(bucket: LocalBucket, key: str) -> Any:
    try:
        return bucket.client.get_object(Bucket=BUCKET, Key=key)
    except bucket.client.exceptions.NoSuchKey:
        return None
