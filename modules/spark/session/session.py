"""The Spark session that a job runs in; start at `open_session`."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import JobError, JobFailedError
from .class_archive import archive, spark_jars
from .java import java_home
from .s3a import SCHEMES, s3a_options

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_ROOT = Path(__file__).resolve().parent.parent.parent.parent
_LOGGING = Path(__file__).with_name("log4j2.properties")
# of an Arrow batch on its way to a worker: whatever comes first
_MOST_BYTES, _MOST_RECORDS = 32 << 20, 16

# On one machine Java takes from the workers what it takes for itself, and it moves bytes alone: its
# second compiler cost detection a tenth of its rate on two cores, and brings `reduce` a fifth
_LOCAL_JAVA = ("-XX:TieredStopAtLevel=1", "-XX:+UseParallelGC")


@contextmanager
def open_session(name: str, places: Iterable[str | None], master: str) -> Iterator[SparkSession]:
    """A session that reads and writes `places`, stopped in the end if it was made here.

    Where a platform has one already (`spark-submit`, EMR, Databricks, Glue), that one is used, with
    the platform's own file systems and everything else as it is set up there.

    Args:
        name: of the application.
        places: folders and prefixes, with or without a scheme.
        master: Spark's, for a session that is made here; "local[*]" is all cores of this machine.

    Raises:
        JobError: PySpark or a Java is missing, or S3A cannot be fetched.
        JobFailedError: what is done in the session fails for good.
    """
    try:
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ImportError:
        raise JobError("the jobs need PySpark, which is not installed: run `make batch`") from None
    there = SparkSession.getActiveSession()
    builder = SparkSession.builder.appName(name)
    if there or "PYSPARK_GATEWAY_PORT" in os.environ:
        spark = there or builder.getOrCreate()
    else:
        _prepare_environment()
        for key, value in _options(places, master).items():
            builder = builder.config(key, value)
        spark = builder.master(master).getOrCreate()
    _set_up(spark)
    try:
        yield spark
    except (PySparkException, Py4JError) as error:
        raise JobFailedError(_reason(error)) from error
    finally:
        if not there:
            spark.stop()


def _prepare_environment() -> None:
    """What Spark's processes find out from the environment that they are started in."""
    os.environ["JAVA_HOME"] = str(java_home())
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    # workers of this machine find this project here; see `_share_code` for others
    paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)


def _options(places: Iterable[str | None], master: str) -> dict[str, str]:
    java = [f"-Dlog4j2.configurationFile={_LOGGING.as_uri()}"]
    if master.startswith("local"):
        java += _LOCAL_JAVA
        classes = archive(Path(os.environ["JAVA_HOME"]), spark_jars())
        java += [f"-XX:SharedArchiveFile={classes}"] if classes.exists() else []
    options = {
        "spark.driver.memory": os.environ.get("SPARK_DRIVER_MEMORY", "2g"),
        "spark.driver.extraJavaOptions": " ".join(java),
        "spark.ui.showConsoleProgress": "false",  # there is a bar of ours
        "spark.ui.enabled": "false",
    }
    if master.startswith("local"):
        options["spark.python.daemon.module"] = "modules.spark.workers.daemon"
        options |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    if any(place and place.partition(":")[0] in SCHEMES for place in places):
        options |= s3a_options(os.environ, spark_jars())
    return options


def _set_up(spark: SparkSession) -> None:
    """What may be set in a session that others have started, too."""
    spark.conf.set("spark.sql.execution.arrow.maxBytesPerBatch", str(_MOST_BYTES))
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", str(_MOST_RECORDS))
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    context = spark.sparkContext
    if not str(context.master).startswith("local") and _ROOT.is_dir():
        _share_code(spark)


def _share_code(spark: SparkSession) -> None:
    """Sends this project's code to the other machines, unless `--py-files` has brought it."""
    import shutil
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        archive = shutil.make_archive(str(Path(folder, "code")), "zip", _ROOT, "modules")
        spark.sparkContext.addPyFile(archive)


def _reason(error: Exception) -> str:
    """Of a failure that came through workers and Spark, the line that says what it was."""
    lines = [line.strip() for line in str(error).splitlines()]
    told = [line for line in lines if line and not line.startswith(("at ", "File ", "..."))]
    raised = [line for line in told if re.match(r"(Caused by: )?[\w.$]+(Error|Exception): ", line)]
    return (raised or told or [type(error).__name__])[-1].removeprefix("Caused by: ")
