"""How this project talks to S3: the client, and its errors as ours; start at `create_client`."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CONNECTIONS = 16  # of a client: four images and a model's files at a time are at most 13


def create_client() -> S3Client:
    """An S3 client for a function's short life: quick to give up a connection, patient to retry.

    Region, credentials and AWS_ENDPOINT_URL come from the environment, as the AWS SDKs do it.
    Retries are those of the legacy mode. The standard and the adaptive mode stop trying again once
    a fifth of all requests fails for a while: each retry is paid from a quota that only success
    refills, so that a client with many requests under way does not drown a service. The function
    has one under way, and an image that is given up costs more than one that is late: of 2,000
    among 30 % of faults, 300 became dead letters in the standard mode, and 3 in this one (`make
    faults`). Four attempts that each hear nothing for 10 seconds fit into the default timeout of
    60.
    """
    # A third of a second, which a command on local files need not spend. By boto3 it would be a
    # tenth more, for the same client: it brings managed transfers, which nothing here makes
    from botocore.config import Config
    from botocore.loaders import Loader
    from botocore.session import Session

    class S3Loader(Loader):
        """Does not look through the hundreds of folders of other services to find S3's."""

        def list_available_services(self, type_name: str) -> list[str]:
            return ["s3"]

    session = Session()
    session.register_component("data_loader", S3Loader(session.get_config_variable("data_path")))
    client = session.create_client(
        "s3",
        config=Config(
            max_pool_connections=CONNECTIONS,
            connect_timeout=2,
            read_timeout=10,
            retries={"mode": "legacy", "total_max_attempts": 4},
        ),
    )
    return cast("S3Client", client)
