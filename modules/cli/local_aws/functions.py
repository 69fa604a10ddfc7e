"""Invokes functions as Lambda does: synchronously, or asynchronously with retries.

Start at `Functions`. Execution environments are kept warm, and closed when the function's code or
configuration changes.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import logging
import os
import queue
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from .execution_environment import ExecutionEnvironment, Function, Outcome

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class AsyncPolicy:
    """A function's configuration for asynchronous invocation.

    Attributes:
        arn: the function's.
        retries: the number of attempts after the first one.
        on_failure: the ARN of the queue that receives the events that failed every time.
    """

    arn: str
    retries: int = 2
    on_failure: str | None = None


@dataclass(frozen=True)
class _Event:
    function_name: str
    payload: bytes
    request_id: str
    attempt: int = 1


class Functions:
    """Invokes functions by name. Looks a function up at each invocation, so changes apply at once.

    No error loses an asynchronous event, not even one of this machine, like a full disk: the event
    is tried again, and then sent to the on-failure queue.

    Set `on_log` to receive the log of every invocation.
    """

    def __init__(
        self,
        find: Callable[[str], Function],
        policy: Callable[[str], AsyncPolicy],
        send: Callable[[str, str], None],
        write_log: Callable[[str, str], None],
        retry_seconds: float,
        concurrency: int | None = None,
    ) -> None:
        """Starts the worker threads for asynchronous events.

        Args:
            find: returns a function, given its name.
            policy: returns a function's configuration for asynchronous invocation, given its name.
            send: called with a queue's ARN and a message; sends the message to the queue.
            write_log: called with a function's name and a text; adds it to the log group.
            retry_seconds: the wait before the first retry. The second retry waits twice as long, as
                on Lambda, which waits one minute and then two.
            concurrency: how many asynchronous events run at once; by default one per CPU.
        """
        self._find = find
        self._policy = policy
        self._send = send
        self._write_log = write_log
        self.on_log: Callable[[str], None] = lambda text: None
        self._retry_seconds = retry_seconds
        self._idle: dict[Function, list[ExecutionEnvironment]] = {}
        self._lock = threading.Lock()
        self._events: queue.Queue[_Event | None] = queue.Queue()
        self._unfinished = 0
        self._closed = False
        self._workers = [
            threading.Thread(target=self._work, daemon=True)
            for _ in range(concurrency or os.cpu_count() or 1)
        ]
        for worker in self._workers:
            worker.start()

    def invoke(self, name: str, payload: bytes, request_id: str = "") -> Outcome:
        """Invokes a function synchronously: waits for the result and returns it."""
        function = self._find(name)
        environment = self._take(function)
        try:
            outcome = environment.invoke(request_id or str(uuid.uuid4()), payload)
        except BaseException:
            environment.close()
            raise
        self._give_back(function, environment)
        self._publish_log(name, outcome.log)
        return outcome

    def invoke_later(self, name: str, payload: bytes) -> str:
        """Invokes a function asynchronously, with retries; returns the request id at once."""
        event = _Event(name, payload, str(uuid.uuid4()))
        self._enqueue(event)
        return event.request_id

    def wait_until_idle(self, timeout: float, *, unfinished: int = 0) -> bool:
        """Waits until at most `unfinished` asynchronous events are unfinished.

        An event is unfinished from `invoke_later` until it succeeded, or failed for the last time.

        Args:
            timeout: the longest wait in seconds.
            unfinished: how many events may be left.

        Returns:
            False if the time ran out first.
        """
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            with self._lock:
                if self._unfinished <= unfinished:
                    return True
            time.sleep(0.02)
        return False

    def close(self) -> None:
        """Stops the workers and kills every idle process of a function.

        A process that is running an invocation is killed when the invocation ends.
        """
        self._closed = True
        for _ in self._workers:
            self._events.put(None)
        with self._lock:
            environments = [one for several in self._idle.values() for one in several]
            self._idle.clear()
        for environment in environments:
            environment.close()

    def _enqueue(self, event: _Event) -> None:
        with self._lock:
            self._unfinished += 1
        self._events.put(event)

    def _take(self, function: Function) -> ExecutionEnvironment:
        """Returns a warm environment, or a new one; closes those of the function's old versions."""
        with self._lock:
            stale = [old for old in self._idle if old.name == function.name and old != function]
            outdated = [one for old in stale for one in self._idle.pop(old)]
            warm = self._idle.setdefault(function, [])
            environment = warm.pop() if warm else None
        for one in outdated:
            one.close()
        return environment or ExecutionEnvironment(function)

    def _give_back(self, function: Function, environment: ExecutionEnvironment) -> None:
        if environment.is_alive and not self._closed:
            with self._lock:
                self._idle.setdefault(function, []).append(environment)
        else:
            environment.close()

    def _publish_log(self, name: str, text: str) -> None:
        """Passes a log on. An error here does not change the outcome of the invocation."""
        for publish in (partial(self._write_log, name), self.on_log):
            try:
                publish(text)
            except Exception:
                _logger.exception("a part of the log of %s cannot be written", name)

    def _work(self) -> None:
        while (event := self._events.get()) is not None:
            try:
                self._attempt(event)
            except Exception:
                _logger.exception(
                    "the event %s of %s is lost", event.request_id, event.function_name
                )
            finally:
                with self._lock:
                    self._unfinished -= 1

    def _attempt(self, event: _Event) -> None:
        """Invokes the function once; after an error, schedules a retry or sends a dead letter."""
        try:
            outcome = self.invoke(event.function_name, event.payload, event.request_id)
        except Exception as error:
            _logger.exception("%s cannot be started", event.function_name)
            outcome = _error_of_this_machine(error)
        if not outcome.is_error:
            return
        policy = self._policy(event.function_name)
        if event.attempt <= policy.retries:
            again = dataclasses.replace(event, attempt=event.attempt + 1)
            with self._lock:
                self._unfinished += 1
            timer = threading.Timer(self._retry_seconds * event.attempt, self._events.put, [again])
            timer.daemon = True
            timer.start()
        elif policy.on_failure:
            record = _destination_record(policy.arn, event, outcome)
            self._send(policy.on_failure, json.dumps(record))


def _error_of_this_machine(error: Exception) -> Outcome:
    """Returns the outcome of an invocation that could not be started."""
    message = {"errorType": type(error).__name__, "errorMessage": str(error)}
    return Outcome(json.dumps(message).encode(), is_error=True, log="")


def _destination_record(arn: str, event: _Event, outcome: Outcome) -> dict[str, object]:
    """Returns the record that Lambda sends to the on-failure queue.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    """
    now = datetime.datetime.now(datetime.UTC)
    return {
        "version": "1.0",
        "timestamp": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "requestContext": {
            "requestId": event.request_id,
            "functionArn": f"{arn}:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": event.attempt,
        },
        "requestPayload": json.loads(event.payload),
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        },
        "responsePayload": json.loads(outcome.payload),
    }
