"""Run an AWS on this machine: drop an image into its bucket, get the result.

Without --deploy the handler runs in this process, ready for a debugger. With --deploy the
Serverless Framework first deploys the whole stack to it; then the deployed package and layers
handle the events, in separate processes, as on Lambda.
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError
from ..settings import Settings
from .samples import NAMES, OWN_MODEL, find_model

if TYPE_CHECKING:
    from .local_aws.aws import LocalAws

_ROOT = Path(__file__).parent.parent.parent
_STAGE = "local"
_PORT = 5566


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument(
        "--model",
        default=OWN_MODEL,
        help=f"a model folder, or one of {NAMES} (default: %(default)s)",
    )
    parser.add_argument(
        "--port",
        type=int,
        help=f"the port it listens on (default: {_PORT}, or any free port if that is taken)",
    )
    parser.add_argument(
        "--deploy",
        action="store_true",
        help="deploy with `serverless deploy`, and let the deployed function handle the events",
    )
    parser.add_argument(
        "--param",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a deployment parameter, like layer=stock; can be repeated",
    )
    parser.add_argument(
        "--python",
        type=Path,
        default=Path(os.environ.get("LAMBDA_PYTHON") or sys.executable),
        help="the interpreter for the deployed function: the Python version that the layers are "
        "built for, with awslambdaric installed (default: LAMBDA_PYTHON, else this Python)",
    )
    parser.epilog = "Stop it with Ctrl-C. All data is lost then."


def run(arguments: argparse.Namespace) -> int:
    """Handles events until it is interrupted."""
    from .local_aws.aws import LocalAws
    from .local_aws.moto_server import is_free

    for number in (signal.SIGINT, signal.SIGTERM):  # shells make background jobs ignore SIGINT
        signal.signal(number, signal.default_int_handler)
    model = find_model(arguments.model)
    port = arguments.port
    if port is None:
        port = _PORT if is_free(_PORT) else 0
    with LocalAws(port=port, python=arguments.python) as aws:
        if arguments.deploy:
            _serve_deployed(aws, model, arguments.param)
        else:
            _serve_in_process(aws, model)
    return 0


def _serve_in_process(aws: LocalAws, model: Path) -> None:
    """Handles events in this process, and prints what was done for each image."""
    from .local_aws.bucket import BUCKET, LocalBucket, quiet_handler

    settings = Settings.from_environment(os.environ)
    with LocalBucket(settings.input_prefix, aws) as bucket:
        bucket.upload_model(model)
        handler = quiet_handler()
        _print_usage(aws, BUCKET, model)
        while True:
            for event in bucket.events():
                report = handler(event, None)
                for outcome, keys in report.items():
                    for key in keys:
                        print(f"# {outcome}: {key}", flush=True)
            time.sleep(0.2)


def _serve_deployed(aws: LocalAws, model: Path, params: list[str]) -> None:
    """Deploys the stack, which then handles the events, and prints the function's log."""
    from .local_aws.bucket import upload_model

    command = [str(_ROOT / "node_modules" / ".bin" / "serverless"), "deploy", "--stage", _STAGE]
    for param in [*params, f"model=models/{model.name}/"]:
        command += ["--param", param]
    polling = {"SLS_AWS_MONITORING_FREQUENCY": "200"}  # milliseconds; 5000 by default
    environment = {**os.environ, **polling, **aws.environment}
    if subprocess.run(command, cwd=_ROOT, env=environment, check=False).returncode:  # noqa: S603 - the command is our own
        raise UsageError("the stack could not be deployed; see the message of serverless above")
    (stack,) = aws.client("cloudformation").describe_stacks()["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    upload_model(aws.client("s3"), outputs["Bucket"], model)
    _print_usage(aws, outputs["Bucket"], model)
    aws.functions.on_log = lambda text: print(text, flush=True)
    while True:
        time.sleep(1)


def _print_usage(aws: LocalAws, bucket: str, model: Path) -> None:
    """Prints what makes AWS tools in another shell use this AWS, and how to drop a picture."""
    print(f"# A bucket, s3://{bucket}, with the model {model.name}. In another shell:")
    for name, value in {**aws.environment, "MODEL": f"models/{model.name}/"}.items():
        print(f"export {name}={shlex.quote(value)}")
    print(f"{_python()} -m modules drop PICTURE s3://{bucket}", flush=True)


def _python() -> str:
    """Returns this interpreter as a command, relative to the current folder where that is short."""
    path = Path(sys.executable)
    return shlex.quote(
        str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
    )
