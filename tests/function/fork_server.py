"""Answers each event in a new process, as fast as a warm function would; see `main`.

Test code runs this as a command, because only a process without threads can be forked safely.
"""

from __future__ import annotations

import json
import os
import sys


def main() -> None:
    """Reads one event per line from standard input; writes two lines for each event.

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
    application = Application(settings, create_client(), models=models)
    print("ready", flush=True)
    for line in sys.stdin:
        process = os.fork()
        if process == 0:
            try:
                sys.stdout = sys.stderr
                application.handle(json.loads(line), None)
            except BaseException as error:
                print(error, file=sys.stderr)
                os._exit(1)
            os._exit(0)
        print(process, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
