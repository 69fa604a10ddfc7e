"""Creates the AWS SDK's client for S3, which the commands use; see `create_client`.

The function has one of its own (`function_client.py`), and this one for what that one cannot do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from botocore.session import Session
    from mypy_boto3_s3 import S3Client

# What the credentials of a profile are fetched from: a role, a single sign-on, a console's login
_CREDENTIAL_SERVICES = ["signin", "sso", "sso-oidc", "sts"]

CONNECTIONS = 16  # per client; four images and a model's files at the same time need at most 13


# A request is sent so often, and waits so many seconds for a connection, and for each part of its
# answer
ATTEMPTS = 4
CONNECT_SECONDS = 2
READ_SECONDS = 10


def create_client(
    *,
    endpoint: str | None = None,
    region: str | None = None,
    keys: tuple[str, str, str | None] | None = None,
    path_style: bool = False,
    anonymous: bool = False,
) -> S3Client:
    """Creates an S3 client with short time-outs, and retries.

    What is not given comes from the environment, as in the AWS SDKs: region, credentials and
    AWS_ENDPOINT_URL.

    Args:
        endpoint: a URL.
        region: of the bucket.
        keys: access key, secret key, and session token if there is one.
        path_style: puts the bucket into the path of URLs, always.
        anonymous: sends unsigned requests.

    Uses the legacy retry mode. The standard and the adaptive mode stop retrying when a fifth of all
    requests fails for a while: each retry takes from a quota that only successful requests refill,
    so that a client with many parallel requests does not overload a service. This function has one
    request at a time, and a lost image costs more than a late one: of 2,000 images with 30 %
    faults, 300 became dead letters in the standard mode, and 3 in this one (`make faults`). Four
    attempts that each wait 10 seconds for an answer fit into the function's default timeout of 60
    seconds.
    """
    from botocore import UNSIGNED
    from botocore.config import Config

    access_key, secret_key, token = keys or (None, None, None)
    client = create_session().create_client(
        "s3",
        region_name=region,
        endpoint_url=endpoint,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        aws_session_token=token,
        config=Config(
            max_pool_connections=CONNECTIONS,
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"mode": "legacy", "total_max_attempts": ATTEMPTS},
            s3={"addressing_style": "path"} if path_style else None,
            signature_version=UNSIGNED if anonymous else None,
        ),
    )
    return cast("S3Client", client)


def create_session() -> Session:
    """Creates an SDK's session, which finds credentials and makes clients for S3."""
    # Imported here because it takes a third of a second, which commands on local files, and the
    # function, need not spend. boto3 would take a tenth more for the same client: it adds managed
    # transfers, which nobody uses here.
    from botocore.loaders import Loader
    from botocore.session import Session

    class S3Loader(Loader):
        """Skips the search through the hundreds of folders of other services."""

        def list_available_services(self, type_name: str) -> list[str]:
            return ["s3", *_CREDENTIAL_SERVICES]

    session = Session()
    session.register_component("data_loader", S3Loader(session.get_config_variable("data_path")))
    return session
