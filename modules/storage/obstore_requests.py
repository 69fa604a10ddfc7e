"""The requests that obstore sends, with the SDK's parameters and answers; start at `REQUESTS`.

A request that obstore cannot send as it is raises UnfitError.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from .client import CONNECT_SECONDS, READ_SECONDS
from .obstore_answers import STANDARD_ATTRIBUTES, Body, UnfitError, describe, read_error
from .places import Credentials, Place

if TYPE_CHECKING:
    from obstore.store import S3Store

_PLAIN_KEY = re.compile(r"(?!\.{1,2}(/|$))[^/\x00-\x1f\x7f]+(/(?!\.{1,2}(/|$))[^/\x00-\x1f\x7f]+)*")
_REST = re.compile(r"bytes=(\d+)-")
_PAGE = 1000  # objects in an answer to ListObjectsV2
_WHOLE_SECONDS = 60  # for a request with its answer; `ObjectStream` then requests the rest


def is_plain(key: str) -> bool:
    """Whether object_store sends a key as it is.

    It removes empty, `.` and `..` parts or refuses them, and control characters.
    """
    return _PLAIN_KEY.fullmatch(key) is not None


def open_store(place: Place, credentials: Credentials) -> S3Store:
    """Makes obstore's client of a bucket, which sends each request once."""
    from datetime import timedelta

    from obstore.store import S3Store

    return S3Store(
        place.bucket,
        config={
            "region": place.region,
            "endpoint": place.endpoint,
            "virtual_hosted_style_request": place.is_virtual_host,
            "access_key_id": credentials.key_id,
            "secret_access_key": credentials.secret,
            **({"session_token": credentials.token} if credentials.token else {}),
            "checksum_algorithm": "SHA256",  # the digest that the signature needs anyway
        },
        client_options={
            "allow_http": place.endpoint.startswith("http://"),
            "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
            "read_timeout": timedelta(seconds=READ_SECONDS),
            "timeout": timedelta(seconds=_WHOLE_SECONDS),
        },
        retry_config={"max_retries": 0},  # `FunctionClient` repeats them
    )


def _head(store: S3Store, request: Mapping[str, Any]) -> dict[str, Any]:
    _expect(request, "Bucket", "Key")
    return describe(store.get(request["Key"], options={"head": True}))


def _get(store: S3Store, request: Mapping[str, Any]) -> dict[str, Any]:
    """Requests an object, or its rest.

    A request for all of it asks for the range from 0 on. The answer then has its size apart from
    the number of bytes that follow, so that a wrong number is noticed.
    """
    _expect(request, "Bucket", "Key", "IfMatch", "Range")
    start = _REST.fullmatch(request.get("Range", "bytes=0-"))
    if start is None:
        raise UnfitError(request["Range"])
    options: Any = {"range": {"offset": int(start[1])}}
    if "IfMatch" in request:
        options["if_match"] = request["IfMatch"]
    try:
        result = store.get(request["Key"], options=options)
    except Exception as error:
        failure = read_error(error)
        if isinstance(failure, UnfitError) or failure.status != 416 or int(start[1]):
            raise
        del options["range"]  # an empty object has no such range
        result = store.get(request["Key"], options=options)
    return {**describe(result), "Body": Body(result), "IsProven": False}


def _put(store: S3Store, request: Mapping[str, Any]) -> dict[str, Any]:
    _expect(request, "Bucket", "Key", "Body", "ContentType", "Metadata", "IfMatch", "IfNoneMatch")
    body, metadata = request["Body"], request.get("Metadata", {})
    names = {name.lower() for name in metadata}
    if not isinstance(body, bytes) or names & STANDARD_ATTRIBUTES:
        raise UnfitError("PutObject")
    mode: Any = "overwrite"
    if "IfMatch" in request:
        mode = {"e_tag": request["IfMatch"]}
    elif "IfNoneMatch" in request:
        mode = "create"
    attributes = {**metadata}
    if "ContentType" in request:
        attributes["Content-Type"] = request["ContentType"]
    answer = store.put(request["Key"], body, attributes=attributes, mode=mode, use_multipart=False)
    return {"ETag": answer["e_tag"], "VersionId": answer["version"]}


def _list(store: S3Store, request: Mapping[str, Any]) -> dict[str, Any]:
    """Lists a folder by one request; obstore has no limit for what it lists.

    obstore removes the slash at the end of a key. An empty object may be a folder's marker.

    Raises:
        UnfitError: the folder, with all those in it, has too many objects for one answer, or an
            empty one.
    """
    _expect(request, "Bucket", "Prefix", "Delimiter", "MaxKeys")
    prefix = request["Prefix"]
    if request.get("Delimiter") != "/" or not is_plain(prefix.removesuffix("/")):
        raise UnfitError(prefix)
    found = next(iter(store.list(prefix, chunk_size=_PAGE)), [])
    if len(found) == _PAGE:
        raise UnfitError(prefix)
    files = [item for item in found if "/" not in item["path"].removeprefix(prefix)]
    if not all(item["size"] for item in files):
        raise UnfitError(prefix)
    return {
        "IsTruncated": len(files) > request["MaxKeys"],
        "Contents": [
            {"Key": item["path"], "ETag": item["e_tag"], "Size": item["size"]}
            for item in files[: request["MaxKeys"]]
        ],
    }


def _expect(request: Mapping[str, Any], *names: str) -> None:
    """Leaves requests with other parameters than these to the SDK."""
    if not request.keys() <= set(names):
        raise UnfitError(str(sorted(request)))


REQUESTS: Mapping[str, Callable[[Any, Mapping[str, Any]], dict[str, Any]]] = {
    "HeadObject": _head,
    "GetObject": _get,
    "PutObject": _put,
    "ListObjectsV2": _list,
}
