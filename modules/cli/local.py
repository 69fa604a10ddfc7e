"""Run an AWS on this machine: drop an image into its bucket, get the result.

Without --deploy the handler runs in this process, ready for a debugger. With --deploy the
Serverless Framework first deploys the whole stack to it; then the deployed package and layers
handle the events, in separate processes, as on Lambda.
"""

from __future__ import annotations

import argparse
import os
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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument(
        "--model",
        default=OWN_MODEL,
        help=f"a model folder, or one of {NAMES} (default: %(default)s)",
    )
    parser.add_argument(
        "--port", type=int, default=5566, help="the port it listens on (default: %(default)s)"
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

    for number in (signal.SIGINT, signal.SIGTERM):  # shells make background jobs ignore SIGINT
        signal.signal(number, signal.default_int_handler)
    model = find_model(arguments.model)
    with LocalAws(port=arguments.port, python=arguments.python) as aws:
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
        _print_usage(aws, BUCKET, model, settings.input_prefix)
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
    _print_usage(aws, outputs["Bucket"], model, Settings.input_prefix)
    aws.functions.on_log = lambda text: print(text, flush=True)
    while True:
        time.sleep(1)


def _print_usage(aws: LocalAws, bucket: str, model: Path, prefix: str) -> None:
    print(f"# A bucket, s3://{bucket}, with the model {model.name}. In another shell:")
    for name, value in aws.environment.items():
        print(f"export {name}={value}")
    print(f"aws s3 cp IMAGE s3://{bucket}/{prefix}", flush=True)
