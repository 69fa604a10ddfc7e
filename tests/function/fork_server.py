"""Answers each event in a process of its own, as quickly as a warm function would.

A command, as a process without threads can be forked safely: each line in is an event, and answered
with the process that serves it, and with how that ended.
"""

from __future__ import annotations

import json
import os
import sys


def main() -> None:
    import lambda_function
    from modules.models.store import ModelStore
    from modules.storage.client import create_client

    # With another client, so that no connection is open that processes would share
    models = ModelStore(create_client(), lambda_function._settings)
    models.model_for(sys.argv[1])
    lambda_function._publisher._models = models
    print("ready", flush=True)
    for line in sys.stdin:
        process = os.fork()
        if process == 0:
            try:
                sys.stdout = sys.stderr
                lambda_function.lambda_handler(json.loads(line), None)
            except BaseException as error:
                print(error, file=sys.stderr)
                os._exit(1)
            os._exit(0)
        print(process, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
