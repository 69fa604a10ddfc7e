"""The logger of the whole project; see `logger`."""

from __future__ import annotations

import os
import sys

from aws_lambda_powertools.logging import Logger

# a deployment's own name, by which its stages are told apart
SERVICE = os.environ.get("POWERTOOLSSERVICE_NAME", "object-detection")


logger = Logger(service=SERVICE, stream=sys.stderr)
