"""Answers requests to the function URL; start at `HttpAnswerer.answer`.

Nothing is stored. This module is imported only when the first such request comes. docs/http.md
describes requests and answers.
"""

from __future__ import annotations

import base64
import json
import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from ..errors import (
    CredentialsExpiredError,
    ImageError,
    ModelError,
    ObjectGoneError,
    RequestError,
    StorageError,
    TransientError,
)
from ..events.http_request import HttpRequest, read_request
from ..models.loader import Model, find_class_ids
from ..models.store import ModelStore
from ..object_detection.images import FORMATS
from ..object_detection.images.registry import find_format
from ..results.document import Source, describe_result, to_json, too_many_bytes
from ..results.pipeline import process
from ..results.time_limit import TimeLimit
from ..settings import Settings
from ..storage.bucket import Bucket
from ..storage.errors import s3_code
from ..telemetry.logs import logger
from ..telemetry.metrics import count
from ..telemetry.reports import report_image
from ..telemetry.timings import Timings
from .accept import chooses_picture
from .drawing import draw
from .http_inputs import check_as_published, check_request, is_json, read_options, read_place

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
_MAX_ANSWER_BYTES = 6 * 1024 * 1024
_USE_BUCKET = (
    "put the picture into the bucket, under {prefix}, and its result appears under {output}"
)
_RETRY_SECONDS = 5  # after a failure of S3
_JSON = "application/json"
_PROBLEM = "application/problem+json"  # RFC 9457
_DENIED = ("AccessDenied", "403")


@dataclass(frozen=True)
class _Picture:
    """A picture to detect in, and where it came from."""

    data: bytes
    source: Source


class HttpAnswerer:
    """Answers HTTP requests with the same core, settings and model as events of S3."""

    def __init__(
        self, settings: Settings, models: ModelStore, bucket: Bucket, compute_lock: threading.Lock
    ) -> None:
        """`compute_lock` is held while a picture is decoded; see `Publisher`."""
        self._settings = settings
        self._models = models
        self._bucket = bucket
        self._compute_lock = compute_lock

    def answer(self, event: dict[str, Any], limit: TimeLimit | None = None) -> dict[str, Any]:
        """Answers an event of a function URL.

        Args:
            event: the request.
            limit: how long the picture may take; None without a limit.

        Returns:
            The answer in Lambda's payload format 2.0: a document, an annotated picture, or a
            problem.
        """
        count("Requests")
        try:
            return self._result(read_request(event), limit)
        except CredentialsExpiredError as error:  # every later request would fail the same way
            logger.critical(
                "credentials expired; exiting so that a new environment takes over",
                error=str(error),
            )
            raise SystemExit(1) from error
        except RequestError as error:
            headers = {"allow": "POST"} if error.status == HTTPStatus.METHOD_NOT_ALLOWED else {}
            return _problem(error.status, error, headers)
        except ImageError as error:
            return _problem(HTTPStatus.UNPROCESSABLE_ENTITY, error)
        except TransientError as error:
            ttl = self._settings.model_ttl_seconds
            seconds = ttl if isinstance(error, ModelError) else _RETRY_SECONDS
            retry = {"retry-after": str(max(1, math.ceil(seconds)))}
            return _problem(HTTPStatus.SERVICE_UNAVAILABLE, error, retry)
        except Exception as error:  # a defect that one request shows must not stop the others
            logger.exception("unexpected error", key=None)
            hidden = f"an unexpected {type(error).__name__}; the function's log has the details"
            return _problem(HTTPStatus.INTERNAL_SERVER_ERROR, RuntimeError(hidden))

    def _result(self, request: HttpRequest, limit: TimeLimit | None) -> dict[str, Any]:
        """Returns the answer of a request that has a result.

        Raises:
            RequestError: the request is invalid.
            ImageError: the picture cannot be processed.
            TransientError: S3 fails, or there is no usable model.
        """
        check_request(request)
        settings, name = read_options(request.query, self._settings)
        timings = Timings()
        with timings.stage("fetch"):
            picture = self._picture(request, name)
        media_type = _media_type(picture.data)
        is_picture = chooses_picture(
            request.headers.get("accept") or "*/*", media_type if settings.draws_picture else None
        )
        if is_picture and picture.source.bucket is not None:
            check_as_published(settings, self._settings)
        model = self._model(picture.source.bucket, settings)
        with self._compute_lock:
            result = process(picture.data, model, settings, timings, limit)
            annotated = draw(result, model, settings, timings) if is_picture else None
            document = describe_result(
                picture.source,
                len(picture.data),
                result,
                model,
                settings,
                timings,
                annotated_key=None,
            )
        report_image(picture.source.key, model.digest, len(document["detections"]), timings)
        if annotated is not None:
            answer = _answer(HTTPStatus.OK, media_type, base64.b64encode(annotated).decode())
            answer["isBase64Encoded"] = True
        else:
            answer = _answer(HTTPStatus.OK, _JSON, to_json(document).decode())
        size = len(json.dumps(answer))
        if size > _MAX_ANSWER_BYTES:
            advice = self._advise() if is_picture else "raise confidence, or name the classes"
            raise RequestError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"the answer has {size:,} bytes, with base64; Lambda allows "
                f"{_MAX_ANSWER_BYTES:,}: {advice}",
            )
        return answer

    def _picture(self, request: HttpRequest, name: str | None) -> _Picture:
        """Returns the picture that the request contains, or names by its bucket and key."""
        if not request.body:
            raise RequestError(
                HTTPStatus.BAD_REQUEST,
                'the body is empty; it must be a picture, or {"bucket": ..., "key": ...}',
            )
        if is_json(request):
            return self._stored_picture(request.body, name)
        if len(request.body) > self._settings.max_image_bytes:
            raise self._too_large(len(request.body))
        if request.was_text:
            raise RequestError(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                "Lambda passes on a body of this Content-Type as a text, which breaks pictures; "
                "send a picture as application/octet-stream, or as image/jpeg and the like",
            )
        return _Picture(request.body, Source(name))

    def _stored_picture(self, body: bytes, name: str | None) -> _Picture:
        """Reads the picture that a JSON document names."""
        bucket, key = read_place(body)
        if name is not None:
            raise RequestError(
                HTTPStatus.BAD_REQUEST, "name is for pictures in the body; this one has a key"
            )
        if not key.startswith(self._settings.input_prefix):
            raise RequestError(
                HTTPStatus.FORBIDDEN,
                f"{key} is not under {self._settings.input_prefix}, from where pictures are read",
            )
        try:
            image = self._bucket.read(bucket, key, max_bytes=self._settings.max_image_bytes)
        except ObjectGoneError as error:
            raise RequestError(
                HTTPStatus.NOT_FOUND, f"there is no object s3://{bucket}/{key}"
            ) from error
        except StorageError as error:
            if s3_code(error) == "NoSuchBucket":
                raise RequestError(HTTPStatus.NOT_FOUND, f"no bucket {bucket}") from error
            if s3_code(error) in _DENIED:
                raise RequestError(
                    HTTPStatus.FORBIDDEN, f"the function may not read s3://{bucket}/{key}"
                ) from error
            raise
        if image.data is None:
            raise self._too_large(image.size)
        version = image.version
        return _Picture(image.data, Source(key, bucket, version.etag, version.version_id))

    def _model(self, bucket: str | None, settings: Settings) -> Model:
        """Returns the model, which keeps the classes of this request."""
        if bucket is None and not settings.is_model_known:
            raise ModelError(
                f"MODEL={settings.model} is in the bucket of a picture, and this picture comes "
                "from none; it must be s3://BUCKET/PREFIX/, or bundled"
            )
        model = self._models.model_for(bucket or "")
        if settings.classes == self._settings.classes:
            return model
        try:
            return replace(model, class_ids=find_class_ids(settings.classes, model.labels))
        except ModelError as error:
            message = str(error).replace("CLASSES", "classes", 1)
            raise RequestError(HTTPStatus.BAD_REQUEST, message) from error

    def _too_large(self, size: int) -> RequestError:
        message = too_many_bytes(size, self._settings.max_image_bytes)
        return RequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message)

    def _advise(self) -> str:
        settings = self._settings
        return _USE_BUCKET.format(prefix=settings.input_prefix, output=settings.output_prefix)


def _media_type(data: bytes) -> str:
    """Returns the media type of the annotated picture.

    Raises:
        RequestError: the data are no picture of a supported format.
        ImageError: there are no data.
    """
    try:
        return FORMATS[find_format(data).name].media_type
    except ImageError as error:
        if not data:
            raise
        raise RequestError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, str(error)) from error


def _problem(
    status: int, error: Exception, headers: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Logs an error, and returns it as a problem of RFC 9457."""
    count("Problems")
    detail = str(error).encode(errors="backslashreplace").decode()
    logger.warning("answered with a problem", status=int(status), error=detail)
    problem = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
    }
    answer = _answer(status, _PROBLEM, to_json(problem).decode())
    answer["headers"].update(headers or {})
    return answer


def _answer(status: int, media_type: str, body: str) -> dict[str, Any]:
    return {
        "statusCode": int(status),
        "headers": {"content-type": media_type, "cache-control": "no-store"},
        "body": body,
        "isBase64Encoded": False,
    }
