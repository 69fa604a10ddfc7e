"""Makes `s3a:` work in Spark; start at `s3a_options`.

PySpark includes Hadoop's client, but not Hadoop's module for S3, S3A. The version of the client
determines the version of S3A. S3A depends on the AWS SDK's bundle of all services, over 500 MB; the
three modules that it calls, with their own dependencies, are 19 MB.
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
# Hadoop's version -> the AWS SDK it was built with: <aws-java-sdk-v2.version> in hadoop-project
_SDK = {"3.4.1": "2.24.6", "3.4.2": "2.29.52", "3.5.0": "2.35.4"}
_MODULES = ("s3", "s3-transfer-manager", "sts")
FILE_SYSTEM = "org.apache.hadoop.fs.s3a.S3AFileSystem"


def s3a_options(environment: Mapping[str, str], jars: Path) -> dict[str, str]:
    """Returns Spark's options for `s3a:` and `s3:`.

    Args:
        environment: AWS_ENDPOINT_URL and the region, in the variables of the AWS SDKs.
        jars: the folder of Spark's jars. If S3A is among them, its set-up is not changed.

    Raises:
        JobError: S3A's jars cannot be downloaded.
    """
    options = {}
    if not list(jars.glob("hadoop-aws-*.jar")):
        options["spark.jars"] = ",".join(str(jar) for jar in _download(jars))
        # the SDK's default chain: the environment, profiles, web identities, the machine's role
        options["spark.hadoop.fs.s3a.aws.credentials.provider"] = (
            "software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider"
        )
        options["spark.hadoop.fs.s3.impl"] = FILE_SYSTEM
        # Images are read once, from start to end. Hadoop 3.5's default stream, "analytics", sends
        # one more request for each and never frees 25 KB of it: Java ran out of memory after
        # 60,000 images
        options["spark.hadoop.fs.s3a.input.stream.type"] = "classic"
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    if region:
        options["spark.hadoop.fs.s3a.endpoint.region"] = region
    endpoint = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL")
    if endpoint:
        options["spark.hadoop.fs.s3a.endpoint"] = endpoint
        options["spark.hadoop.fs.s3a.path.style.access"] = "true"
        # the SDK takes the "100 Continue" of many S3-compatible servers for an error
        options["spark.hadoop.fs.s3a.connection.expect.continue"] = "false"
        options["spark.hadoop.fs.s3a.connection.ssl.enabled"] = str(
            endpoint.startswith("https")
        ).lower()
    return options


def packages(jars: Path) -> list[str]:
    """Returns the Maven coordinates of S3A and its SDK modules, for the Hadoop in Spark's jars.

    Raises:
        JobError: the folder `jars` has no Hadoop client.
    """
    names = [jar.name for jar in jars.glob("hadoop-client-api-*.jar")]
    found = re.fullmatch(r"hadoop-client-api-(\d+\.\d+\.\d+)\.jar", names[0]) if names else None
    if found is None:
        raise JobError(f"{jars} has no hadoop-client-api-*.jar; S3A must have the same version")
    hadoop = found[1]
    newest = max(_SDK, key=lambda version: tuple(map(int, version.split("."))))
    sdk = _SDK.get(hadoop, _SDK[newest])  # the SDK stays compatible within version 2
    modules = [f"software.amazon.awssdk:{module}:{sdk}" for module in _MODULES]
    return [f"org.apache.hadoop:hadoop-aws:{hadoop}", *modules]


def _download(jars: Path) -> list[Path]:
    """Returns S3A's jars in the cache; downloads them the first time."""
    wanted = packages(jars)
    folder = _CACHE / "-".join(["s3a", *wanted[0].split(":")[2:], *wanted[1].split(":")[2:]])
    if not folder.is_dir():
        _CACHE.mkdir(parents=True, exist_ok=True)
        with lock_folder(_CACHE):  # a second process waits, and then finds the files
            if not folder.is_dir():
                _resolve(wanted, folder)
    return sorted(path.resolve() for path in folder.glob("*.jar"))


def _resolve(wanted: list[str], folder: Path) -> None:
    """Downloads packages into a folder, which is created only when all are complete.

    Spark's own resolver does it, by running an empty program. With `spark.jars.packages` in the
    session, every session would spend a second on it.
    """
    import pyspark

    print("downloading Hadoop's S3A (19 MB), once", file=sys.stderr)
    submit = Path(os.environ.get("SPARK_HOME", Path(pyspark.__file__).parent), "bin/spark-submit")
    with tempfile.TemporaryDirectory(dir=_CACHE) as ivy:
        program = Path(ivy, "empty.py")
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
                f"Hadoop's S3A could not be downloaded ({', '.join(wanted)}): {reason}. Can this "
                "machine reach Maven Central?"
            )
        shutil.move(Path(ivy, "jars"), folder)
