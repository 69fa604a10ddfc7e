"""Sends pictures to the function URL of a deployment; start at `FunctionUrl`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from ..errors import RequestError, UnreachableError, UsageError
from ..object_detection.images.registry import find_format
from ..settings import NOTHING
from .local_images import LocalImage
from .printing import printable
from .result_folder import ResultFolder

# Lambda allows 6 MB for an event, in which the picture is in base64, beside the headers
MAX_PICTURE_BYTES = 4_700_000
_SECONDS = 5, 900  # to connect, and for an answer; a function may run for 15 minutes
_HOST = re.compile(r"[a-z0-9]+\.lambda-url\.([a-z0-9-]+)\.on\.aws")
_LOCAL = ("127.0.0.1", "localhost")


class FunctionUrl:
    """A function URL, and the options of the requests to it, which are signed.

    Credentials come from the environment or the profile, as in the AWS SDKs.
    """

    def __init__(self, url: str, options: Mapping[str, str]) -> None:
        """Prepares requests.

        Args:
            url: `serverless info --verbose` prints it.
            options: the parameters of each request, like `confidence`; docs/http.md lists them.

        Raises:
            UsageError: the URL is not one, or there are no credentials.
        """
        from botocore.auth import SigV4Auth
        from botocore.httpsession import URLLib3Session
        from botocore.session import Session
        from botocore.utils import get_environ_proxies

        parts = urlsplit(url)
        is_local = parts.scheme == "http" and parts.hostname in _LOCAL
        if not (parts.hostname and (parts.scheme == "https" or is_local)):
            raise UsageError(
                f"{printable(url)} is no function URL; one looks like "
                "https://abc123.lambda-url.us-east-1.on.aws/"
            )
        session = Session()
        credentials = session.get_credentials()
        if credentials is None:
            raise UsageError("no AWS credentials to sign requests with; see `aws configure`")
        found = _HOST.fullmatch(parts.hostname)
        region = found[1] if found else session.get_config_variable("region")
        if not region:
            raise UsageError(f"{printable(url)} does not name its region; set AWS_REGION")
        query = f"?{urlencode(options)}" if options else ""
        self._url = f"{parts.scheme}://{parts.netloc}/{query}"
        self._signer = SigV4Auth(credentials, "lambda", region)
        self._http = URLLib3Session(
            timeout=_SECONDS,  # type: ignore[arg-type]  # the stubs lack pairs
            proxies=get_environ_proxies(url),
        )

    def detect(self, image: LocalImage, folder: ResultFolder | None) -> dict[str, Any]:
        """Returns the document of an image; writes it and the annotated image into a folder.

        This takes one request, and with a folder a second one for the annotated image, if any.

        Raises:
            RequestError: the function refuses the image, or fails.
            UnreachableError: there is no answer.
        """
        problem = folder.problem(image) if folder else None
        if problem:
            raise problem
        size = image.size()
        if size > MAX_PICTURE_BYTES:
            raise RequestError(
                413,
                f"{size:,} bytes are too many for a function URL, which takes "
                f"{MAX_PICTURE_BYTES:,}; put it into the bucket: "
                "python -m modules drop PICTURE s3://BUCKET",
            )
        data = image.read()
        document: dict[str, Any] = json.loads(self._post(data, "application/json")[0])
        document["image"]["key"] = image.key
        if folder is None:
            return document
        if document["settings"].get("draw") == NOTHING:
            return folder.write(image, None, document, "", "")
        annotated, media_type = self._post(data, "image/*")
        suffix = find_format(data).annotated_suffix
        return folder.write(image, annotated, document, media_type, suffix)

    def _post(self, data: bytes, accept: str) -> tuple[bytes, str]:
        """Returns the body and the media type of an answer."""
        from botocore.awsrequest import AWSRequest
        from botocore.exceptions import BotoCoreError

        headers = {"Content-Type": "application/octet-stream", "Accept": accept}
        request = AWSRequest("POST", self._url, headers=headers, data=data)
        self._signer.add_auth(request)
        try:
            answer = self._http.send(request.prepare())
        except BotoCoreError as error:
            raise UnreachableError(f"{self._url}: {error}") from error
        if answer.status_code != 200:
            raise RequestError(answer.status_code, _reason(answer.status_code, answer.content))
        return answer.content, answer.headers["content-type"]


def _reason(status: int, body: bytes) -> str:
    """Returns why there is no result: the function's problem, or Lambda's own message."""
    try:
        document = json.loads(body)
    except ValueError:
        document = {}
    if isinstance(document, dict):
        for name in ("detail", "message", "Message"):
            if isinstance(document.get(name), str):
                return f"{status}: {document[name]}"
    return f"{status}, without a reason"
