"""Reads from a session's configuration how it reaches a bucket; start at `find_access`.

The workers' own reader gets the same endpoint, region and credentials as Hadoop's S3A. It supports
a part of what S3A can be told. Whoever sets an option outside this part gets `UnknownAccessError`,
and Spark reads the images.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .s3a import FILE_SYSTEM

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_PREFIX = "fs.s3a."
_HADOOP = "org.apache.hadoop.fs.s3a."
# Providers of credentials that the configuration itself holds, and whether with a session token
_KEY_PROVIDERS = {f"{_HADOOP}TemporaryAWSCredentialsProvider": True}
_KEY_PROVIDERS[f"{_HADOOP}SimpleAWSCredentialsProvider"] = False
_DEFAULT_PROVIDERS = (
    "software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider",
    "com.amazonaws.auth.DefaultAWSCredentialsProviderChain",
)
_ANONYMOUS_PROVIDER = f"{_HADOOP}AnonymousAWSCredentialsProvider"

# Read below
_SUPPORTED = {
    *("access.key", "secret.key", "session.token", "aws.credentials.provider"),
    *("endpoint", "endpoint.region", "path.style.access", "connection.ssl.enabled"),
}
# Without an effect on which objects can be read, and on their bytes
_HARMLESS = re.compile(
    r"(impl|aws\.credentials\.provider\.mapping|connection\.(?!ssl).*|threads\..*|max\.total\.tasks"
    r"|executor\.capacity|retry\..*|attempts\..*|paging\.maximum|multipart\..*|fast\.upload.*"
    r"|multiobjectdelete\.enable|block\.size|buffer\.dir|committer\..*|select\..*|list\.version"
    r"|input\..*|experimental\.(input\.)?fadvise|readahead\.range|prefetch\..*|vectored\..*"
    r"|directory\..*|bucket\.probe|change\.detection\..*|create\..*|acl\.default|audit\..*"
    r"|user\.agent\.prefix|etag\.checksum\.enabled|socket\..*|downgrade\..*|etag\..*"
    r"|crossregion\.access\.enabled|ssl\.channel\.mode|optimized\.copy.*|metadatastore\..*"
    r"|performance\..*|rename\..*|analytics\..*)"
)
_AWS_HOST = re.compile(r"s3[.-](?:dualstack\.)?([a-z]{2}(?:-[a-z]+)+-\d)\.amazonaws\.com(?:\.cn)?")


class UnknownAccessError(Exception):
    """The configuration has something that only S3A understands. The message says what."""


@dataclass(frozen=True)
class Keys:
    """Credentials that the session's configuration holds."""

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str | None = field(repr=False)


@dataclass(frozen=True)
class BucketAccess:
    """How a session reaches a bucket.

    endpoint: a URL; None for AWS's own. region: None for that of the environment. path_style: puts
    the bucket into the path of URLs. keys: None for the default chain of the AWS SDKs: the
    environment, profiles, the machine's role. anonymous: sends unsigned requests.
    """

    bucket: str
    endpoint: str | None = None
    region: str | None = None
    path_style: bool = False
    keys: Keys | None = None
    anonymous: bool = False


def find_access(spark: SparkSession, location: str) -> BucketAccess:
    """Returns how the session reaches the bucket of a location.

    Args:
        spark: the session.
        location: a URL that begins with the bucket: `s3a://bucket/prefix`.

    Raises:
        UnknownAccessError: it cannot be told.
    """
    jvm: Any = spark._jvm
    configuration = spark._jsparkSession.sessionState().newHadoopConf()
    path = jvm.org.apache.hadoop.fs.Path(location)
    system = path.getFileSystem(configuration).getClass().getName()
    if system != FILE_SYSTEM:
        raise UnknownAccessError(f"{location.partition(':')[0]}: is a file system of {system}")
    for variable in ("aws.accessKeyId", "aws.region", "aws.profile"):
        if jvm.System.getProperty(variable) is not None:
            raise UnknownAccessError(f"Java's {variable} is set")
    bucket = location.split("/")[2]
    options = _set_options(configuration, bucket)
    passwords = {name: _password(configuration, bucket, name) for name in _PASSWORDS}
    return make_access(bucket, options, passwords, os.environ)


_PASSWORDS = ("access.key", "secret.key", "session.token")


def _set_options(configuration: Any, bucket: str) -> dict[str, str]:
    """Returns S3A's options for a bucket, without `fs.s3a.`; of the defaults only `_SUPPORTED`.

    Options of the bucket itself, `fs.s3a.bucket.NAME.*`, come before those of all buckets.
    """
    options: dict[str, str] = {}
    own = f"bucket.{bucket}."
    given = dict(configuration.getPropsWithPrefix(_PREFIX))
    for name, value in given.items():
        if name in _SUPPORTED:
            options[name] = value.strip()
        elif not name.startswith("bucket.") and not _HARMLESS.fullmatch(name):
            sources = configuration.getPropertySources(_PREFIX + name)
            if sources is None or list(sources) != ["core-default.xml"]:
                options[name] = value.strip()
    options |= {
        name.removeprefix(own): value.strip()
        for name, value in given.items()
        if name.startswith(own)
    }
    if configuration.get("hadoop.security.credential.provider.path"):
        options["security.credential.provider.path"] = "set"
    return options


def _password(configuration: Any, bucket: str, name: str) -> str | None:
    for key in (f"{_PREFIX}bucket.{bucket}.{name}", _PREFIX + name):
        if value := configuration.get(key):
            return str(value).strip()
    return None


def make_access(
    bucket: str,
    options: Mapping[str, str],
    passwords: Mapping[str, str | None],
    environment: Mapping[str, str],
) -> BucketAccess:
    """Returns how S3A with these options reaches a bucket.

    Args:
        bucket: its name.
        options: S3A's, without `fs.s3a.`.
        passwords: `_PASSWORDS` -> their values.
        environment: of the driver.

    Raises:
        UnknownAccessError: it cannot be told.
    """
    for name in sorted(options.keys() - _SUPPORTED):
        if not _HARMLESS.fullmatch(name) and options[name]:
            raise UnknownAccessError(f"{_PREFIX}{name} is set")
    keys, anonymous = _credentials(options.get("aws.credentials.provider", ""), passwords)
    endpoint, region = options.get("endpoint"), options.get("endpoint.region")
    if endpoint and "://" not in endpoint:
        secure = options.get("connection.ssl.enabled", "true") != "false"
        endpoint = f"{'https' if secure else 'http'}://{endpoint}"
    host = endpoint.partition("://")[2].rstrip("/") if endpoint else ""
    if host == "s3.amazonaws.com":
        endpoint = None
    elif found := _AWS_HOST.fullmatch(host):
        endpoint, region = None, region or found[1]
    elif not endpoint and environment.keys() & {"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"}:
        raise UnknownAccessError("AWS_ENDPOINT_URL is set, and fs.s3a.endpoint is not")
    elif endpoint and not {"AWS_REGION", "AWS_DEFAULT_REGION"} & environment.keys():
        region = region or "us-east-1"  # other servers than AWS's have no regions
    return BucketAccess(
        bucket,
        endpoint=endpoint or None,
        region=region or None,
        path_style=options.get("path.style.access") == "true",
        keys=keys,
        anonymous=anonymous,
    )


def _credentials(providers: str, passwords: Mapping[str, str | None]) -> tuple[Keys | None, bool]:
    """Returns the keys, and whether requests are unsigned, of the first provider that has some."""
    access_key, secret_key, token = map(passwords.get, _PASSWORDS)
    for provider in filter(None, re.split(r"[,\s]+", providers)):
        if provider in _KEY_PROVIDERS:
            with_token = _KEY_PROVIDERS[provider]
            if access_key and secret_key and (token or not with_token):
                return Keys(access_key, secret_key, token if with_token else None), False
        elif provider in _DEFAULT_PROVIDERS:
            return None, False
        elif provider == _ANONYMOUS_PROVIDER:
            return None, True
        else:
            raise UnknownAccessError(f"{_PREFIX}aws.credentials.provider names {provider}")
    raise UnknownAccessError(f"{_PREFIX}aws.credentials.provider names none that has credentials")
