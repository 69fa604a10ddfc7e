"""The function's client for S3; see `FunctionClient`.

A request of the AWS SDK takes 1.6 ms of processor time, and importing the SDK takes 0.2 s; a
request of obstore (Rust's object_store) takes a quarter of this, and importing it 5 ms.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .client import ATTEMPTS, create_client, create_session
from .errors import S3Error
from .obstore_answers import UnfitError, read_error
from .obstore_requests import REQUESTS, is_plain, open_store
from .places import Credentials, Place, environment_credentials, has_configuration_file

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from obstore.store import S3Store

_TEMPORARY_STATUSES = (408, 429, 500, 502, 503, 504, 509)
_TEMPORARY_CODES = (
    "",  # no answer
    "RequestTimeout",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "RequestLimitExceeded",
)
_forking = threading.Lock()
_owner: int | None = None  # the process whose threads obstore uses


class FunctionClient:
    """Sends requests to S3, with the methods, parameters and answers of the SDK's client.

    Only what the function needs of them. `send` sends a request once: by obstore, or by the SDK,
    which repeats it, where obstore cannot: to delete on a condition, keys that object_store does
    not allow, other settings than Lambda's (`places.py`), buckets in another region, answers that
    obstore does not understand, and in a process that was forked after obstore has made its
    threads.

    obstore does not check the bytes of an object against a checksum: `ObjectStream` does.
    """

    def __init__(
        self,
        environment: Mapping[str, str] = os.environ,
        make_sdk_client: Callable[[], S3Client] | None = None,
    ) -> None:
        """Sends nothing yet.

        Args:
            environment: variables of the AWS SDKs, which say where the buckets are.
            make_sdk_client: makes the SDK's client; by default, one for this process's environment.
        """
        self._lock = threading.Lock()
        self._environment = environment
        self._make_sdk_client = make_sdk_client or create_client
        self._stores: dict[str, tuple[Place, Credentials, S3Store]] = {}
        self._is_configured_by_file = has_configuration_file(environment)
        self._for_the_sdk: set[str] = set()  # buckets

    def prepare(self) -> None:
        """Imports what the first request needs."""
        from obstore.store import S3Store  # noqa: F401

    def head_object(self, **request: Any) -> dict[str, Any]:
        """Returns what S3 knows of an object; raises S3Error, or what the SDK raises."""
        return self._call("HeadObject", request)

    def get_object(self, **request: Any) -> dict[str, Any]:
        """Returns an object, or its rest; raises S3Error, or what the SDK raises.

        In addition to the SDK's answer, `IsProven` is false where nobody checks that the bytes are
        those that S3 has stored.
        """
        return self._call("GetObject", request)

    def put_object(self, **request: Any) -> dict[str, Any]:
        """Writes an object; raises S3Error, or what the SDK raises."""
        return self._call("PutObject", request)

    def delete_object(self, **request: Any) -> dict[str, Any]:
        """Deletes an object; raises what the SDK raises."""
        return self._call("DeleteObject", request)

    def list_objects_v2(self, **request: Any) -> dict[str, Any]:
        """Lists the objects of a folder; raises S3Error, or what the SDK raises."""
        return self._call("ListObjectsV2", request)

    def distrust_etags(self, bucket: str) -> None:
        """Leaves a bucket's requests to the SDK, as its ETags are not the digests of the bytes.

        Such are the buckets that encrypt their objects by KMS.
        """
        self._for_the_sdk.add(bucket)

    def send(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Sends a request, and returns the answer.

        Raises:
            S3Error: S3 refuses it, or there is no answer.
            Exception: the SDK's, if it was used.
        """
        bucket = request["Bucket"]
        try:
            return self._send_by_obstore(operation, request)
        except UnfitError as error:
            answer = self._send_by_sdk(operation, request)
            if error.is_elsewhere:
                self._for_the_sdk.add(bucket)
            return answer

    @cached_property
    def sdk(self) -> S3Client:
        """The SDK's client, made when it is first needed."""
        return self._make_sdk_client()

    def _call(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Sends a request up to `ATTEMPTS` times, with the pauses of the SDK's legacy mode."""
        attempt = 1
        while True:
            try:
                return self.send(operation, request)
            except S3Error as error:
                if attempt == ATTEMPTS or not _is_temporary(error):
                    raise
            _pause(attempt)
            attempt += 1

    def _send_by_obstore(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        find = REQUESTS.get(operation)
        if find is None or not is_plain(request.get("Key", "x")):
            raise UnfitError(operation)
        store = self._store(request["Bucket"])
        try:
            return find(store, request)
        except UnfitError:
            raise
        except Exception as error:
            failure = read_error(error)
            if operation == "HeadObject" and getattr(failure, "status", 0) == 400:
                # Without a body: expired credentials, or a bucket in another region
                failure = UnfitError(str(failure))
            raise failure from error

    def _send_by_sdk(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        with self._lock:
            client = self.sdk
        methods: dict[str, Callable[..., Any]] = {
            "HeadObject": client.head_object,
            "GetObject": client.get_object,
            "PutObject": client.put_object,
            "DeleteObject": client.delete_object,
            "ListObjectsV2": client.list_objects_v2,
        }
        answer: dict[str, Any] = methods[operation](**request)
        return answer

    def _store(self, bucket: str) -> S3Store:
        """Returns obstore's client of a bucket: another one when the credentials have changed.

        Raises:
            UnfitError: obstore cannot send this bucket's requests.
        """
        if self._is_configured_by_file or bucket in self._for_the_sdk or not _own_threads():
            raise UnfitError(bucket)
        place, credentials = Place.of(bucket, self._environment), self._credentials()
        if place is None or credentials is None:
            raise UnfitError(bucket)
        with self._lock:
            known = self._stores.get(bucket)
            if known is None or known[:2] != (place, credentials):
                known = (place, credentials, open_store(place, credentials))
                self._stores[bucket] = known
        return known[2]

    def _credentials(self) -> Credentials | None:
        """Returns the environment's credentials, or those that the SDK finds, and refreshes."""
        if found := environment_credentials(self._environment):
            return found
        with self._lock:
            session_credentials = self._session_credentials
        if session_credentials is None:
            return None
        now = session_credentials.get_frozen_credentials()
        return Credentials(now.access_key, now.secret_key, now.token)

    @cached_property
    def _session_credentials(self) -> Any:
        return create_session().get_credentials()


def _pause(attempt: int) -> None:
    """Waits after an attempt, from 1: a random time of up to 1, 2, 4 seconds."""
    time.sleep(int.from_bytes(os.urandom(2)) / 2**16 * 2 ** (attempt - 1))


def _own_threads() -> bool:
    """Whether obstore's threads run in this process: they do not survive a fork."""
    global _owner
    with _forking:
        if _owner is None:
            _owner = os.getpid()
    return _owner == os.getpid()


def _is_temporary(error: S3Error) -> bool:
    return error.status in _TEMPORARY_STATUSES or error.code in _TEMPORARY_CODES
