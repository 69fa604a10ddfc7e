"""The local AWS that `serverless deploy` can deploy to; start at `LocalAws`."""

from __future__ import annotations

import io
import shutil
import stat
import sys
import tempfile
import threading
import zipfile
from functools import partial
from pathlib import Path
from typing import Any, Self

from moto.awslambda.models import LambdaFunction
from moto.awslambda.utils import get_backend
from moto.core import DEFAULT_ACCOUNT_ID

from . import moto_extensions
from .execution_environment import Function
from .function_url import FunctionUrl
from .functions import Functions
from .moto_server import REGION, MotoServer

_LOG_LOCK = threading.Lock()


class LocalAws(MotoServer):
    """moto's server with Lambda functions that really run; `serverless deploy` can deploy to it.

    Leaving the context kills the functions' processes and removes their files.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        python: Path | None = None,
        retry_seconds: float = 1.0,
        concurrency: int | None = None,
    ) -> None:
        """Prepares the server.

        Args:
            port: the port that it listens on; 0 takes any free port.
            python: an interpreter with awslambdaric installed; by default the running one.
            retry_seconds: the wait before an asynchronous event's first retry; see `Functions`.
            concurrency: how many asynchronous events run at once; by default one per CPU.
        """
        super().__init__(port=port)
        self._python = python or Path(sys.executable)
        self._retry_seconds = retry_seconds
        self._concurrency = concurrency
        self._unpack_lock = threading.Lock()

    def __enter__(self) -> Self:
        super().__enter__()
        self._folder = Path(tempfile.mkdtemp(prefix="local-aws-"))
        self._folder.chmod(0o755)  # functions may run as another user; see `unprivileged`
        self.functions = Functions(
            find=self.find_function,
            policy=moto_extensions.async_policy,
            send=self._send,
            write_log=_write_log,
            retry_seconds=self._retry_seconds,
            concurrency=self._concurrency,
        )
        moto_extensions.install(self.functions, self._start_url)
        return self

    def __exit__(self, *exception: object) -> None:
        moto_extensions.close_urls()
        self.functions.close()
        super().__exit__(*exception)
        shutil.rmtree(self._folder, onerror=_force_remove)

    def find_function(self, name: str) -> Function:
        """Returns a deployed function, with its code and layers unpacked."""
        backend = get_backend(DEFAULT_ACCOUNT_ID, REGION)
        deployed: LambdaFunction = backend.get_function(name)
        layers = [backend.layers_versions_by_arn(layer["Arn"]) for layer in deployed.layers]
        variables = {str(key): str(value) for key, value in deployed.environment_vars.items()}
        return Function(
            name=deployed.function_name,
            arn=deployed.function_arn,
            handler=deployed.handler,
            python=self._python,
            task=self._unpack(deployed.code_digest, deployed.code_bytes),
            layers=tuple(self._unpack(layer.code_digest, layer.code_bytes) for layer in layers),
            variables=tuple({**variables, **self._function_environment(deployed)}.items()),
            memory_mb=int(deployed.memory_size),
            timeout_seconds=float(deployed.timeout),
        )

    def _function_environment(self, deployed: LambdaFunction) -> dict[str, str]:
        names = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION",
                 "AWS_DEFAULT_REGION", "NO_PROXY")  # fmt: skip
        execution = {"AWS_EXECUTION_ENV": f"AWS_Lambda_{deployed.run_time}"}
        return execution | {name: self.environment[name] for name in names}

    def _start_url(self, name: str) -> FunctionUrl:
        names = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"
        key, secret = (self.environment[each] for each in names)
        return FunctionUrl(partial(self.functions.invoke, name), (key, secret), REGION)

    def _unpack(self, digest: str, data: bytes) -> Path:
        """Unpacks a zip into a read-only folder, unless an earlier call did; returns the folder.

        Several workers need the same zips at the start, so one at a time unpacks.
        """
        # moto has hashed the zip; to hash a layer's 80 MB takes longer than to answer a request
        folder = self._folder / digest[:16]
        with self._unpack_lock:
            if not folder.exists():
                temporary = Path(tempfile.mkdtemp(dir=self._folder))
                with zipfile.ZipFile(io.BytesIO(data)) as archive:
                    archive.extractall(temporary)
                for path in [temporary, *temporary.rglob("*")]:
                    path.chmod(0o555 if path.is_dir() else 0o444)
                temporary.rename(folder)
        return folder

    def _send(self, queue_arn: str, message: str) -> None:
        queue = self.client("sqs")
        url = queue.get_queue_url(QueueName=queue_arn.rpartition(":")[2])["QueueUrl"]
        queue.send_message(QueueUrl=url, MessageBody=message)


def _write_log(function_name: str, text: str) -> None:
    backend = get_backend(DEFAULT_ACCOUNT_ID, REGION)
    deployed: LambdaFunction = backend.get_function(function_name)
    with _LOG_LOCK:  # moto's log groups are for one thread at a time
        deployed.logs_backend.ensure_log_group(deployed.logs_group_name)
        deployed.save_logs(text)


def _force_remove(remove: Any, path: str, _: object) -> None:
    """Removes a read-only file or folder; `shutil.rmtree` calls it when it failed to."""
    parent = Path(path).parent
    parent.chmod(parent.stat().st_mode | stat.S_IWUSR)
    remove(path)
