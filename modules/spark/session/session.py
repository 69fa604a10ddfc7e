"""Opens the Spark session that a job runs in; start at `open_session`."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import JobError, JobFailedError
from .class_archive import archive_path, spark_jars
from .code_archive import write_code_archive
from .java import java_home
from .s3a import SCHEMES, s3a_options

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_ROOT = Path(__file__).resolve().parents[3]
_LOGGING = Path(__file__).with_name("log4j2.properties")
# of an Arrow batch that Spark sends to a worker; the smaller limit counts
_BATCH_BYTES, _BATCH_RECORDS = 32 << 20, 16

# On one machine, Java's threads take cores from the workers, and Java only moves bytes. Its second
# compiler costs detection a tenth of its rate on two cores, and makes `reduce` a fifth faster.
_LOCAL_JAVA = ("-XX:TieredStopAtLevel=1", "-XX:+UseParallelGC")


@contextmanager
def open_session(name: str, paths: Iterable[str | None], master: str) -> Iterator[SparkSession]:
    """Opens a session that can read and write `paths`, and stops it at the end.

    If a platform has started a session (`spark-submit`, EMR, Databricks, Glue), that one is used,
    with the platform's file systems and settings. An active session is not stopped.

    Args:
        name: of the application.
        paths: folders and prefixes, with or without a scheme.
        master: Spark's master URL for a new session; "local[*]" is all cores of this machine.

    Raises:
        JobError: PySpark or Java is missing, or S3A cannot be downloaded.
        JobFailedError: Spark gave up on the work that the caller did in the session.
    """
    try:
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ImportError:
        raise JobError("the jobs need PySpark, which is not installed: run `make batch`") from None
    active = SparkSession.getActiveSession()
    builder = SparkSession.builder.appName(name)
    if active or "PYSPARK_GATEWAY_PORT" in os.environ:
        spark = active or builder.getOrCreate()
    else:
        _prepare_environment()
        for key, value in _options(paths, master).items():
            builder = builder.config(key, value)
        spark = builder.master(master).getOrCreate()
    _configure(spark)
    try:
        yield spark
    except (PySparkException, Py4JError) as error:
        raise JobFailedError(_reason(error)) from error
    finally:
        if not active:
            spark.stop()


def _prepare_environment() -> None:
    """Sets the variables that Spark's processes inherit."""
    os.environ["JAVA_HOME"] = str(java_home())
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    locale = next(filter(None, map(os.environ.get, ("LC_ALL", "LC_CTYPE", "LANG"))), "")
    if "utf" not in locale.lower():  # Java passes over files whose names its locale cannot express
        os.environ["LC_ALL"] = "C.UTF-8"
    # For workers on this machine; `_send_code` is for workers on others
    paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)


def _options(paths: Iterable[str | None], master: str) -> dict[str, str]:
    """Returns Spark's options for a new session."""
    java = [f"-Dlog4j2.configurationFile={_LOGGING.as_uri()}"]
    if master.startswith("local"):
        java += _LOCAL_JAVA
        classes = archive_path(Path(os.environ["JAVA_HOME"]), spark_jars())
        java += [f"-XX:SharedArchiveFile={classes}"] if classes.exists() else []
    options = {
        "spark.driver.memory": os.environ.get("SPARK_DRIVER_MEMORY", "2g"),
        "spark.driver.extraJavaOptions": " ".join(java),
        "spark.ui.showConsoleProgress": "false",  # jobs/progress.py shows a bar
        "spark.ui.enabled": "false",
    }
    if master.startswith("local"):
        options["spark.python.daemon.module"] = "modules.spark.workers.daemon"
        options |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    if any(path and path.partition(":")[0] in SCHEMES for path in paths):
        options |= s3a_options(os.environ, spark_jars())
    return options


def _configure(spark: SparkSession) -> None:
    """Sets the options that can be changed in any session, even one that a platform has started."""
    spark.conf.set("spark.sql.execution.arrow.maxBytesPerBatch", str(_BATCH_BYTES))
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", str(_BATCH_RECORDS))
    spark.conf.set("spark.sql.execution.arrow.pyspark.enabled", "true")
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    if str(spark.sparkContext.master).startswith("local"):
        _leave_out_checksums(spark)
    # if this file comes from a zip of --py-files, _ROOT is that zip, and the workers have it too
    if not str(spark.sparkContext.master).startswith("local") and _ROOT.is_dir():
        _send_code(spark)


def _leave_out_checksums(spark: SparkSession) -> None:
    """Makes Hadoop write no `.crc` file next to each file on this machine's disk, and read none.

    Spark's tasks are in the same process, which has one object per file system. A `.crc` file of an
    earlier version is wrong after another program has changed the file.
    """
    systems = spark._jvm.org.apache.hadoop.fs.FileSystem  # type: ignore[union-attr]
    local = systems.getLocal(spark._jsc.hadoopConfiguration())
    local.setWriteChecksum(False)
    local.setVerifyChecksum(False)


def _send_code(spark: SparkSession) -> None:
    """Sends this project's code to the workers on other machines."""
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder, "modules.zip")
        write_code_archive(archive)
        spark.sparkContext.addPyFile(str(archive))


def _reason(error: Exception) -> str:
    """Returns the one line of a Spark error that names its cause.

    The error of a worker arrives inside the tracebacks of Python and the stack traces of Java.
    """
    lines = [line.strip() for line in str(error).splitlines()]
    texts = [line for line in lines if line and not line.startswith(("at ", "File ", "..."))]
    raised = [line for line in texts if re.match(r"(Caused by: )?[\w.$]+(Error|Exception): ", line)]
    return (raised or texts or [type(error).__name__])[-1].removeprefix("Caused by: ")
