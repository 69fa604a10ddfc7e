"""Gives Spark its `s3a:`; start at `s3a_options`.

PySpark comes with Hadoop's client, but without its module for S3. Which version of that fits is
told by the client that is there. Of the AWS SDK it wants the bundle of all services, over 500 MB;
the three modules that S3A calls, and what they rest on, are 19 MB.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ...errors import JobError
from ...storage.local_files import lock_folder

SCHEMES = ("s3a", "s3", "s3n")
_CACHE = Path(".cache", "spark")
# The AWS SDK that a Hadoop was built with: <aws-java-sdk-v2.version> of its hadoop-project
_SDK = {"3.4.1": "2.24.6", "3.4.2": "2.29.52", "3.5.0": "2.35.4"}
_MODULES = ("s3", "s3-transfer-manager", "sts")
_FILE_SYSTEM = "org.apache.hadoop.fs.s3a.S3AFileSystem"


def s3a_options(environment: Mapping[str, str], jars: Path) -> dict[str, str]:
    """Spark's options for `s3a:` and `s3:`, by the AWS SDKs' own variables.

    Args:
        environment: what AWS_ENDPOINT_URL and the region are taken from.
        jars: Spark's own. Where S3A lies among them, it is left as it is.

    Raises:
        JobError: S3A's jars cannot be fetched.
    """
    options = {}
    if not list(jars.glob("hadoop-aws-*.jar")):
        options["spark.jars"] = ",".join(str(jar) for jar in _fetch(jars))
        # the SDK's chain: the environment, profiles, web identities, the machine's role
        options["spark.hadoop.fs.s3a.aws.credentials.provider"] = (
            "software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider"
        )
        options["spark.hadoop.fs.s3.impl"] = _FILE_SYSTEM
        # Images are read once, from front to back. Hadoop 3.5's default, "analytics", asks about
        # each again, and keeps 25 KB of it for good: Java died of 60,000 images
        options["spark.hadoop.fs.s3a.input.stream.type"] = "classic"
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    if region:
        options["spark.hadoop.fs.s3a.endpoint.region"] = region
    endpoint = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL")
    if endpoint:
        options["spark.hadoop.fs.s3a.endpoint"] = endpoint
        options["spark.hadoop.fs.s3a.path.style.access"] = "true"
        # many servers that play S3 answer "100 Continue" in ways that the SDK takes for an error
        options["spark.hadoop.fs.s3a.connection.expect.continue"] = "false"
        options["spark.hadoop.fs.s3a.connection.ssl.enabled"] = str(
            endpoint.startswith("https")
        ).lower()
    return options


def packages(jars: Path) -> list[str]:
    """What is to be fetched for the Hadoop among Spark's jars, in Maven's notation.

    Raises:
        JobError: there is no Hadoop client among them.
    """
    names = [jar.name for jar in jars.glob("hadoop-client-api-*.jar")]
    found = re.fullmatch(r"hadoop-client-api-(\d+\.\d+\.\d+)\.jar", names[0]) if names else None
    if found is None:
        raise JobError(f"{jars} has no hadoop-client-api-*.jar that would say which S3A fits")
    hadoop = found[1]
    newest = max(_SDK, key=lambda version: tuple(map(int, version.split("."))))
    sdk = _SDK.get(hadoop, _SDK[newest])  # the SDK stays compatible within version 2
    modules = [f"software.amazon.awssdk:{module}:{sdk}" for module in _MODULES]
    return [f"org.apache.hadoop:hadoop-aws:{hadoop}", *modules]


def _fetch(jars: Path) -> list[Path]:
    """S3A's jars on this machine, fetched once."""
    wanted = packages(jars)
    folder = _CACHE / "-".join(["s3a", *wanted[0].split(":")[2:], *wanted[1].split(":")[2:]])
    if not folder.is_dir():
        _CACHE.mkdir(parents=True, exist_ok=True)
        with lock_folder(_CACHE):  # a second process waits, and then finds the files
            if not folder.is_dir():
                _resolve(wanted, folder)
    return sorted(path.resolve() for path in folder.glob("*.jar"))


def _resolve(wanted: list[str], folder: Path) -> None:
    """Has Spark's own resolver fetch the packages into a folder, which appears when all are there.

    An empty program is run for it, which makes a second that every session would else spend.
    """
    import pyspark

    print("fetching Hadoop's S3A (19 MB), once", file=sys.stderr)
    submit = Path(os.environ.get("SPARK_HOME", Path(pyspark.__file__).parent), "bin/spark-submit")
    with tempfile.TemporaryDirectory(dir=_CACHE) as ivy:
        program = Path(ivy, "nothing.py")
        program.touch()
        run = subprocess.run(  # noqa: S603 - Spark's own command
            [
                submit,
                *("--master", "local[1]", "--packages", ",".join(wanted)),
                *("--exclude-packages", "software.amazon.awssdk:bundle"),
                *("--conf", f"spark.jars.ivy={Path(ivy).resolve()}", program),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        fetched = list(Path(ivy, "jars").glob("*.jar"))
        if run.returncode or not fetched:
            unresolved = re.findall(r":: (\S+:? not found|\S+#\S+: .*)", run.stderr)
            reason = "; ".join(unresolved) or run.stderr.strip()[-500:]
            raise JobError(
                f"Hadoop's S3A could not be fetched ({', '.join(wanted)}): {reason}. Is Maven "
                "Central within reach?"
            )
        shutil.move(Path(ivy, "jars"), folder)
