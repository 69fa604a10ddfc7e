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


def create_client() -> S3Client:
    """Creates an S3 client with short time-outs, and retries.

    Region, credentials and AWS_ENDPOINT_URL come from the environment, as in the AWS SDKs.

    Uses the legacy retry mode. The standard and the adaptive mode stop retrying when a fifth of all
    requests fails for a while: each retry takes from a quota that only successful requests refill,
    so that a client with many parallel requests does not overload a service. This function has one
    request at a time, and a lost image costs more than a late one: of 2,000 images with 30 %
    faults, 300 became dead letters in the standard mode, and 3 in this one (`make faults`). Four
    attempts that each wait 10 seconds for an answer fit into the function's default timeout of 60
    seconds.
    """
    from botocore.config import Config

    client = create_session().create_client(
        "s3",
        config=Config(
            max_pool_connections=CONNECTIONS,
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"mode": "legacy", "total_max_attempts": ATTEMPTS},
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
