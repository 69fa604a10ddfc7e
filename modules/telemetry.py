"""Logs, metrics, traces; start at `logger`.

One JSON document a line, to standard error: CloudWatch takes it from there, and a command's
standard output stays free for results.
"""

from __future__ import annotations

import sys

from aws_lambda_powertools.logging import Logger

logger = Logger(service="object-detection", stream=sys.stderr)
