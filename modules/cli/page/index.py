"""The results of a bucket, newest first, by pages and searched; start at `ResultIndex`.

S3 lists keys in the order of their names, so the newest results are known only when all keys have
been listed. That happens in a thread, again and again while the page is used. Documents are read
when they are shown, or all of them for a search by label; each version of a document is read once.
"""

from __future__ import annotations

import json
import threading
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...errors import ObjectGoneError, StorageError
from ...results.keys import DOCUMENT_SUFFIX
from ...settings import Settings
from ...storage.errors import storage_errors
from ...storage.object_stream import ObjectStream

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MAX_REQUESTS = 10  # at once; the SDK keeps as many connections open
_FRESH_SECONDS = 2.0  # a listing is not repeated sooner than this, or 5 times what it took
_MOST_WAIT = 1.5  # seconds that a request waits for a listing to end
READER = "reader of results"  # a thread's name
_PAGES_BETWEEN = 10  # of a listing, after which what is known so far is shown


@dataclass(frozen=True)
class Entry:
    """A document as S3 lists it. key: the image's. modified: seconds since 1970."""

    key: str
    document: str
    etag: str
    modified: float

    @property
    def order(self) -> tuple[float, str]:
        """Sorts entries: the newest first, equal times by key."""
        return -self.modified, self.key


@dataclass(frozen=True)
class Summary:
    """What the gallery shows of a document. error: why it cannot be read, or empty."""

    labels: dict[str, int] = field(default_factory=dict)
    image_etag: str | None = None
    model: dict[str, Any] | None = None
    error: str = ""


class ResultIndex:
    """The results under the output prefix of a bucket. All methods may be called by any thread."""

    def __init__(self, client: S3Client, bucket: str, settings: Settings) -> None:
        self._client = client
        self._bucket = bucket
        self._settings = settings
        self._entries: list[Entry] = []
        self._summaries: dict[tuple[str, str], Summary] = {}
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(_MAX_REQUESTS)
        self._lister: threading.Thread | None = None
        self._reader: threading.Thread | None = None
        self._listed_at = self._took = 0.0
        self._wanted = self._listed = 0  # fresh listings, counted
        self._is_complete = False
        self._error: StorageError | None = None
        self._is_closed = False

    def close(self) -> None:
        """Stops reading documents ahead, except those that have been requested.

        Without this, the process would end only when all documents are read.
        """
        self._is_closed = True

    def page(
        self,
        after: Sequence[Any] | None,
        count: int,
        query: str = "",
        *,
        is_fresh: bool = False,
    ) -> dict[str, Any]:
        """Returns the next results.

        Args:
            after: the `next` of the page before; None for the first page.
            count: at most so many results.
            query: only results whose name or labels contain this; upper and lower case are equal.
            is_fresh: lists the bucket again, however new the last listing is.

        Returns:
            items: the results. next: continues after them; None at the end. total: the number of
            all results. listing: whether more keys are being listed, or a fresh listing still runs.
            unread: the number of documents that a search by label has not read yet; they may
            contain matches.

        Raises:
            StorageError: the bucket cannot be listed.
        """
        self._refresh(is_fresh=is_fresh, is_awaited=is_fresh or after is None)
        entries = self._entries
        unread = self._start_reading(entries) if query else 0
        start = 0
        if after is not None:
            start = bisect_right(entries, (-float(after[0]), str(after[1])), key=_order)
        wanted = query.casefold()
        found: list[Entry] = []
        for entry in _from(entries, start):
            if len(found) > count:
                break
            if not wanted or self._matches(entry, wanted):
                found.append(entry)
        shown = found[:count]
        last = shown[-1] if len(found) > count else None
        summaries = self._pool.map(self._summary, shown)
        return {
            "items": [
                _describe(entry, summary) for entry, summary in zip(shown, summaries, strict=True)
            ],
            "next": [last.modified, last.key] if last else None,
            "total": len(entries),
            "listing": not self._is_complete or self._listed < self._wanted,
            "unread": unread,
        }

    def newest(self) -> dict[str, Any] | None:
        """Returns the model that the newest readable document names; None without documents."""
        self._refresh()
        summaries = map(self._summary, self._entries[:_MAX_REQUESTS])
        return next((summary.model for summary in summaries if summary.model), None)

    def _refresh(self, *, is_fresh: bool = False, is_awaited: bool = True) -> None:
        """Lists the bucket in a thread if the listing is old.

        Waits a moment for its end if `is_awaited`; a page that continues another one needs no
        newer results.
        """
        with self._lock:
            self._wanted += is_fresh
            is_running = self._lister is not None and self._lister.is_alive()
            age = time.monotonic() - self._listed_at
            if not is_running and (is_fresh or age > max(_FRESH_SECONDS, 5 * self._took)):
                self._lister = threading.Thread(target=self._list_until_fresh, daemon=True)
                self._lister.start()
            lister = self._lister
        if lister and is_awaited:
            lister.join(_MOST_WAIT)
        error = self._error
        if error:
            raise error

    def _list_until_fresh(self) -> None:
        """Lists the bucket, and again if a fresh listing was wanted meanwhile."""
        is_fresh = False
        while not is_fresh:
            wanted = self._wanted
            self._list()
            with self._lock:
                self._listed = wanted
                is_fresh = wanted == self._wanted
                if is_fresh:
                    self._lister = None

    def _list(self) -> None:
        self._error = None
        start = time.monotonic()
        found: list[Entry] = []
        try:
            for number, page in enumerate(self._pages(), 1):
                found += page
                if not self._is_complete and number % _PAGES_BETWEEN == 0:
                    self._entries = sorted(found, key=_order)
            self._entries = sorted(found, key=_order)
            self._is_complete = True
        except StorageError as error:
            self._error = error
        self._listed_at = time.monotonic()
        self._took = self._listed_at - start

    def _pages(self) -> Iterator[list[Entry]]:
        prefix = self._settings.output_prefix
        with storage_errors(f"listing s3://{self._bucket}/{prefix}"):
            paginator = self._client.get_paginator("list_objects_v2")
            for page in paginator.paginate(Bucket=self._bucket, Prefix=prefix):
                yield [
                    Entry(
                        self._image_key(item["Key"]),
                        item["Key"],
                        item["ETag"],
                        item["LastModified"].timestamp(),
                    )
                    for item in page.get("Contents", ())
                    if item["Key"].endswith(DOCUMENT_SUFFIX)
                ]

    def _image_key(self, document: str) -> str:
        name = document.removeprefix(self._settings.output_prefix).removesuffix(DOCUMENT_SUFFIX)
        return self._settings.input_prefix + name

    def _matches(self, entry: Entry, wanted: str) -> bool:
        name = entry.key.removeprefix(self._settings.input_prefix)
        if wanted in name.casefold():
            return True
        summary = self._summaries.get((entry.document, entry.etag))
        return summary is not None and any(wanted in label.casefold() for label in summary.labels)

    def _start_reading(self, entries: list[Entry]) -> int:
        """Reads all documents in a thread, the newest first; returns how many are not read yet."""
        missing = [
            entry for entry in entries if (entry.document, entry.etag) not in self._summaries
        ]
        with self._lock:
            if missing and not (self._reader and self._reader.is_alive()):
                self._reader = threading.Thread(
                    target=self._read_all, args=(missing,), name=READER, daemon=True
                )
                self._reader.start()
        return len(missing)

    def _read_all(self, entries: list[Entry]) -> None:
        with ThreadPoolExecutor(_MAX_REQUESTS) as pool:
            for _ in pool.map(self._read_ahead, entries):
                pass

    def _read_ahead(self, entry: Entry) -> None:
        if not self._is_closed:
            self._summary(entry)

    def _summary(self, entry: Entry) -> Summary:
        """Returns the summary of a document; reads it if it was not read before."""
        known = (entry.document, entry.etag)
        if known not in self._summaries:
            summary = self._read(entry)
            if summary.error.startswith("S3"):  # it may be readable the next time
                return summary
            self._summaries[known] = summary
        return self._summaries[known]

    def _read(self, entry: Entry) -> Summary:
        try:
            with ObjectStream(self._client, Bucket=self._bucket, Key=entry.document) as stream:
                document = json.loads(stream.read())
            labels = Counter(str(item["label"]) for item in document["detections"])
            etag, model = document["image"]["etag"], dict(document["model"])
        except ObjectGoneError:
            return Summary(error="it was deleted")
        except StorageError as error:
            return Summary(error=f"S3: {error}")
        except (ValueError, LookupError, TypeError):
            return Summary(error="this is no result of the function")
        return Summary(dict(labels.most_common()), etag, model)


def _order(entry: Entry) -> tuple[float, str]:
    return entry.order


def _from(entries: list[Entry], start: int) -> Iterator[Entry]:
    return (entries[index] for index in range(start, len(entries)))


def _describe(entry: Entry, summary: Summary) -> dict[str, Any]:
    return {
        "key": entry.key,
        "modified": entry.modified,
        "version": entry.etag.strip('"'),
        "labels": summary.labels,
        "etag": summary.image_etag,
        "error": summary.error,
    }
