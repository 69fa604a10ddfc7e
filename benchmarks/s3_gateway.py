"""A local S3 that needs little processor time: Versity's gateway over a folder; see `gateway`.

moto's server, which the tests use, takes 8 ms of a core per request. With three requests per image,
the benchmark would measure moto, not the jobs.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# https://github.com/versity/versitygw, Apache License 2.0
_PACKAGE = "github.com/versity/versitygw/cmd/versitygw@v1.8.0"
_KEY, _SECRET = "benchmark", "benchmark-secret"
_SECONDS = 10.0  # until it must have started


@contextmanager
def gateway(folder: Path, tools: Path) -> Iterator[dict[str, str]]:
    """Serves the buckets of `folder` for as long as the context is open.

    Args:
        folder: created if it does not exist; earlier content is served, too.
        tools: the folder into which Go installs the gateway, if it is not on PATH.

    Yields the environment variables through which AWS's tools find it.

    Raises:
        RuntimeError: there is neither a gateway nor Go to build one, or it does not start.
    """
    program = _program(tools)
    for part in ("buckets", "metadata"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = "{}:{}".format(*free.getsockname())
    process = subprocess.Popen(
        [
            *(program, "--quiet", "--port", address),
            *("posix", "--sidecar", folder / "metadata", folder / "buckets"),
        ],
        env={**os.environ, "ROOT_ACCESS_KEY": _KEY, "ROOT_SECRET_KEY": _SECRET},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(address)
        yield {
            "AWS_ENDPOINT_URL": f"http://{address}",
            "AWS_ACCESS_KEY_ID": _KEY,
            "AWS_SECRET_ACCESS_KEY": _SECRET,
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
    finally:
        process.terminate()
        process.wait()


def _program(tools: Path) -> Path:
    found = shutil.which("versitygw", path=os.pathsep.join([os.environ["PATH"], str(tools)]))
    if found is None:
        go = shutil.which("go")
        if go is None:
            raise RuntimeError(f"needs versitygw on PATH, or Go for `go install {_PACKAGE}`")
        tools.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "GOBIN": str(tools.resolve())}
        subprocess.run([go, "install", _PACKAGE], env=environment, check=True)
        found = str(tools / "versitygw")
    return Path(found)


def _wait(address: str) -> None:
    host, port = address.split(":")
    end = time.monotonic() + _SECONDS
    while True:
        try:
            socket.create_connection((host, int(port))).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise RuntimeError(f"no gateway answers at {address}") from None
            time.sleep(0.05)
