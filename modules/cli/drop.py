"""Upload pictures to a bucket, wait for their results, and show them.

Needs a deployed function, or `local` running in another shell. Region, credentials and
AWS_ENDPOINT_URL are read as in the AWS SDKs.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import (
    DiskFullError,
    OutputError,
    PermanentError,
    StorageError,
    TransientError,
    UsageError,
)
from ..object_detection.images.registry import find_format
from ..results.keys import DOCUMENT_SUFFIX
from ..settings import Settings
from ..storage.client import create_client
from .answers import Answer, Dropped, read_answer, wait_for_answers
from .detect_report import Report, add_output_arguments
from .drop_target import find_target
from .local_images import LocalImage, find_images, refuse_address
from .local_results import read_document
from .printing import printable, utf8
from .result_folder import ResultFolder
from .uploads import UploadedImage, possible_keys, upload

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

_SCHEME = "s3://"
_MAX_REQUESTS = 10  # at once; the SDK keeps as many connections open
_WHERE_TO_LOOK = (
    "Their events may still be on the way: the same command waits again. `redrive --dry-run` lists "
    "the events that failed, `failures s3://{bucket}` the pictures that failed; the function's log "
    "has the details."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument(
        "pictures",
        nargs="+",
        metavar="PICTURE",
        help="a picture, or a folder of them; - for one on standard input",
    )
    parser.usage = "python -m modules drop [OPTION...] PICTURE... [s3://BUCKET]"
    parser.add_argument(
        "--stage",
        default="dev",
        help="the stage with the bucket, if none is named (default: %(default)s)",
    )
    parser.add_argument(
        "--prefix",
        metavar="P",
        help="where in the bucket the pictures go "
        f"(default: INPUT_PREFIX, {Settings.input_prefix})",
    )
    add_output_arguments(parser, "picture")
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=300.0,
        metavar="SECONDS",
        help="give up when no result has come for this long (default: %(default)g)",
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="make the results again of pictures that are in the bucket already",
    )
    parser.epilog = (
        "Without s3://BUCKET, the bucket is the one of --stage or, if AWS_ENDPOINT_URL is set, the "
        "one that `local` made. No object is replaced by other bytes: a picture gets another key "
        "if another picture has its key. INPUT_PREFIX, OUTPUT_PREFIX and FAILED_PREFIX are read "
        "from the environment. Exit codes: 0 every picture has a result, 1 some have none (each is "
        "named), 2 wrong usage, or the bucket cannot be used."
    )


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < float("inf"):
        raise ValueError
    return seconds


_seconds.__name__ = "number of seconds"  # argparse's messages name it


def run(arguments: argparse.Namespace) -> int:
    """Uploads every picture, and reports every answer; returns 1 if a picture has no result."""
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn

    settings = Settings.from_environment(os.environ)
    paths, location = _split(arguments.pictures)
    output = None if arguments.output is None else Path(arguments.output)
    if output is not None:
        refuse_address(arguments.output)
    found = find_images(paths, outputs=[output])
    client = create_client()
    target = find_target(client, location, arguments.prefix, arguments.stage, settings, os.environ)
    folder = None
    if output is not None:
        key = partial(_key_in_document, output, target.prefix)
        folder = ResultFolder(output, found.images, overwrite=arguments.overwrite, key=key)

    console = Console(stderr=True)
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeElapsedColumn())
    bars = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    drop = _Drop(Report(json_lines=arguments.json), folder, console)
    for failure in found.failures:
        drop.fail(failure)
    upload_one = partial(
        upload, client, target.bucket, target.prefix, settings, is_forced=arguments.force
    )
    read = partial(read_answer, client, target.bucket, settings, with_annotated=folder is not None)
    with _pool() as pool, bars:
        drop.upload(found.images, upload_one, pool, bars)
        drop.wait(read, arguments.timeout, pool, bars)
    drop.finish(found.remarks(), target.bucket)
    return 1 if drop.failures else 0


def _split(arguments: Sequence[str]) -> tuple[list[str], str | None]:
    """Returns the paths of the pictures, and the `s3://BUCKET` if there is one.

    Raises:
        UsageError: there is no picture, or more than one bucket.
    """
    locations = [argument for argument in arguments if argument.startswith(_SCHEME)]
    paths = [argument for argument in arguments if not argument.startswith(_SCHEME)]
    if not paths:
        raise UsageError(f"no pictures to upload to {locations[0]}; name files or folders")
    if len(locations) > 1:
        raise UsageError(f"{' and '.join(locations)}: pictures go to one bucket; name one")
    return paths, next(iter(locations), None)


def _key_in_document(output: Path, prefix: str, image: LocalImage) -> str:
    """Returns the key that a result of this picture in the folder has, or else would have."""
    document = read_document(output / f"{image.name}{DOCUMENT_SUFFIX}")
    found = str(document["image"]["key"]) if document else ""
    for key in possible_keys(prefix, image):
        if not found or key == found:
            return key
    return prefix + utf8(image.name.as_posix())


@contextmanager
def _pool() -> Iterator[Executor]:
    """Runs requests at the same time; starts no more of them when the block has ended."""
    pool = ThreadPoolExecutor(_MAX_REQUESTS)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


class _Drop:
    """The pictures of one call, and what is known about them.

    failures: a message for each picture without a result.
    """

    def __init__(self, report: Report, folder: ResultFolder | None, console: Console) -> None:
        self.failures: list[str] = []
        self._report = report
        self._folder = folder
        self._console = console
        self._waiting: list[Dropped] = []

    def fail(self, text: str) -> None:
        """Reports a picture that has no result."""
        self.failures.append(text)
        self._show(text, style="red")

    def upload(
        self,
        images: Sequence[LocalImage],
        upload: Callable[[LocalImage], UploadedImage],
        pool: Executor,
        bars: Progress,
    ) -> None:
        """Uploads the pictures that can be read; `upload` uploads one."""

        def attempt(image: LocalImage) -> UploadedImage | Exception:
            try:
                if problem := self._folder and self._folder.problem(image):
                    return problem
                return upload(image)
            except (PermanentError, StorageError, OSError) as error:
                return error

        results = zip(images, pool.map(attempt, images), strict=True)
        for image, result in bars.track(results, total=len(images), description="uploading"):
            if isinstance(result, Exception):
                self.fail(f"{image.label}: {result}")
                continue
            self._waiting.append(Dropped(image, result))
            if result.was_there:
                self._show(
                    f"{image.label}: was there already, {result.address}; this is its result "
                    "(--force makes it again)"
                )
            elif result.is_renamed:
                self._show(
                    f"{image.label}: another picture has its key, so this one is {result.address}"
                )

    def wait(
        self,
        read: Callable[[UploadedImage], Answer | None],
        timeout: float,
        pool: Executor,
        bars: Progress,
    ) -> None:
        """Reports the answers as they come; `read` looks for the one of an uploaded picture."""
        try:
            for item, answer in wait_for_answers(self._waiting, read, timeout, pool, bars):
                self._waiting.remove(item)
                self._report_answer(item.image, answer)
        except DiskFullError as error:
            self.fail(f"{error}; stopped, {len(self._waiting):,} pictures are not done")
            self._waiting.clear()
        except (KeyboardInterrupt, TransientError):
            self._show(
                f"stopped; {len(self._waiting):,} uploaded pictures get their results anyway, and "
                "the same command shows them"
            )
            raise

    def finish(self, remarks: Iterable[str], bucket: str) -> None:
        """Prints the table, and names the pictures without an answer."""
        self._report.finish()
        if self._folder and self._report.count:
            self._show(f"{self._report.count} annotated in {printable(str(self._folder.path))}")
        for remark in remarks:
            self._show(remark)
        for item in self._waiting:
            self.fail(f"{item.image.label}: no answer yet to {item.uploaded.address}")
        if self._waiting:
            self._show(_WHERE_TO_LOOK.format(bucket=bucket))

    def _report_answer(self, image: LocalImage, answer: Answer) -> None:
        document = answer.document
        if document is None:
            self.fail(f"{image.label}: {answer.failure}")
            return
        if self._folder:
            data, suffix = answer.annotated, answer.annotated_suffix
            media_type = find_format(data).media_type if data is not None else ""
            try:
                document = self._folder.write(image, data, document, media_type, suffix)
            except DiskFullError:
                raise
            except OutputError as error:
                self.fail(f"{image.label}: {error}")
                return
        self._report.add(document)

    def _show(self, text: str, style: str | None = None) -> None:
        self._console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)
