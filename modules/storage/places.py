"""Where the requests for a bucket go, and with whose credentials; start at `Place.of`.

Everything comes from the environment variables that Lambda, and `modules local`, set. Whatever else
an AWS SDK can be told (a profile, a configuration file, a role, an access point, another partition)
is left to the SDK: then there is no place, and `FunctionClient` uses the SDK.
https://docs.aws.amazon.com/sdkref/latest/guide/environment-variables.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# The regions whose hosts end in amazonaws.com
_REGION = re.compile(r"(us|us-gov|eu|ap|sa|ca|me|af|il|mx)-[a-z]+-\d+")
# A bucket whose name can be a part of a host's name, under a certificate for *.s3.REGION...
_HOST_NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_CERTIFICATES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE")  # replace the machine's
_OTHER_HOSTS = (
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
)


@dataclass(frozen=True)
class Credentials:
    """What requests are signed with. token: of temporary credentials; None for others."""

    key_id: str
    secret: str
    token: str | None


@dataclass(frozen=True)
class Place:
    """Where a bucket is. endpoint: where the bucket's name is in the host's, it holds the name."""

    bucket: str
    region: str
    endpoint: str
    is_virtual_host: bool

    @classmethod
    def of(cls, bucket: str, environment: Mapping[str, str]) -> Place | None:
        """Returns the place of a bucket; None if only the SDK can tell it.

        As with the SDK, an endpoint that is set takes the bucket's name in the path, and Amazon's
        own take it in the host's name.

        >>> Place.of("a-bucket", {"AWS_REGION": "eu-west-3"}).endpoint
        'https://a-bucket.s3.eu-west-3.amazonaws.com'
        """
        region = environment.get("AWS_DEFAULT_REGION") or environment.get("AWS_REGION")
        if not region or any(environment.get(name) for name in _OTHER_HOSTS):
            return None
        if ":" in bucket or bucket.endswith("--x-s3"):  # an access point; a directory bucket
            return None
        endpoint = _configured_endpoint(environment)
        if endpoint and endpoint.startswith("http://"):
            return cls(bucket, region, endpoint.rstrip("/"), is_virtual_host=False)
        if any(environment.get(name) for name in _CERTIFICATES):
            return None
        if endpoint:
            return cls(bucket, region, endpoint.rstrip("/"), is_virtual_host=False)
        if not _REGION.fullmatch(region):
            return None
        host = f"s3.{region}.amazonaws.com"
        if _HOST_NAME.fullmatch(bucket):
            return cls(bucket, region, f"https://{bucket}.{host}", is_virtual_host=True)
        return cls(bucket, region, f"https://{host}", is_virtual_host=False)


def environment_credentials(environment: Mapping[str, str]) -> Credentials | None:
    """Returns the credentials that environment variables hold; None if they hold none."""
    key_id = environment.get("AWS_ACCESS_KEY_ID")
    secret = environment.get("AWS_SECRET_ACCESS_KEY")
    if not key_id or not secret:
        return None
    return Credentials(key_id, secret, environment.get("AWS_SESSION_TOKEN") or None)


def has_configuration_file(environment: Mapping[str, str]) -> bool:
    """Whether there is a configuration file, which may name endpoints, certificates and more."""
    try:
        return (
            Path(environment.get("AWS_CONFIG_FILE") or "~/.aws/config").expanduser().stat().st_size
            > 0
        )
    except (OSError, RuntimeError):  # no such file; no home
        return False


def _configured_endpoint(environment: Mapping[str, str]) -> str | None:
    if environment.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        return None
    return environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL") or None
