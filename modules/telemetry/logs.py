"""The logger of the whole project: one JSON document per line, to standard error.

CloudWatch takes standard error from there, and a command's standard output stays free for results.
docs/operations.md lists every message and field.
"""

from __future__ import annotations

import os
import sys

from aws_lambda_powertools.logging import Logger

# The deployment's name, which tells its stages apart in logs and metrics
SERVICE = os.environ.get("POWERTOOLS_SERVICE_NAME", "object-detection")

logger = Logger(service=SERVICE, stream=sys.stderr)
