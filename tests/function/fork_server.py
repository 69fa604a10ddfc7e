"""Answers each event in a new process, as fast as a warm function would; see `main`.

Test code runs this as a command, because only a process without threads can be forked safely.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
from typing import Any

from tests.function.watched_client import WatchedClient


def kill_at(client: WatchedClient, number: int, *, after: bool) -> None:
    """Kills this process before it sends its request `number`, from 0, or `after` the answer."""
    requests = itertools.count()

    def count(*_: Any) -> None:
        if next(requests) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    if after:
        client.after.append(count)
    else:
        client.before.append(count)


def main() -> None:
    """Reads one JSON object per line from standard input; writes two lines for each.

    An object has an `event`, and `kill_at`: null, or the arguments of the function of that name.
    The first line is the id of the process that answers the event. The second line, written when
    that process has ended, is its exit code, negative for a signal. The argument is the bucket
    that holds the model.
    """
    from modules.function.application import Application
    from modules.models.store import ModelStore
    from modules.settings import Settings
    from modules.storage.client import create_client

    settings = Settings.from_environment(os.environ)
    # Another client loads the model, so that processes share no open connection. Without an
    # executor the store starts no threads.
    models = ModelStore(create_client(), settings)
    models.model_for(sys.argv[1])
    client = WatchedClient()
    application = Application(settings, client, models=models)
    print("ready", flush=True)
    for line in sys.stdin:
        process = os.fork()
        if process == 0:
            try:
                sys.stdout = sys.stderr
                request = json.loads(line)
                if request["kill_at"]:
                    kill_at(client, **request["kill_at"])
                application.handle(request["event"], None)
            except BaseException as error:
                print(error, file=sys.stderr)
                os._exit(1)
            os._exit(0)
        print(process, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
