import pytest
from pyspark.sql import SparkSession

from modules.spark.io.images import Images
from modules.spark.session.bucket_access import (
    BucketAccess,
    Keys,
    UnknownAccessError,
    find_access,
    make_access,
)
from tests.spark.conftest import Store, png

HADOOP = "org.apache.hadoop.fs.s3a."
CHAIN = "software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider"
DEFAULTS = (
    f"{HADOOP}TemporaryAWSCredentialsProvider,\n   {HADOOP}SimpleAWSCredentialsProvider, "
    "software.amazon.awssdk.auth.credentials.EnvironmentVariableCredentialsProvider"
)
PAIR = {"access.key": "id", "secret.key": "secret", "session.token": None}


def access(
    options: dict[str, str],
    passwords: dict[str, str | None] | None = None,
    environment: dict[str, str] | None = None,
) -> BucketAccess:
    options = {"aws.credentials.provider": CHAIN, **options}
    return make_access("photos", options, passwords or {}, environment or {})


def test_the_default_chain_needs_nothing_else() -> None:
    assert access({}) == BucketAccess("photos")


def test_keys_come_from_the_first_provider_that_has_some() -> None:
    providers = {"aws.credentials.provider": DEFAULTS}

    assert access(providers, PAIR).keys == Keys("id", "secret", None)
    assert access(providers, {**PAIR, "session.token": "t"}).keys == Keys("id", "secret", "t")


def test_keys_are_not_shown() -> None:
    assert "secret'" not in repr(access({"aws.credentials.provider": DEFAULTS}, PAIR))


def test_requests_may_be_unsigned() -> None:
    assert access({"aws.credentials.provider": f"{HADOOP}AnonymousAWSCredentialsProvider"}) == (
        BucketAccess("photos", anonymous=True)
    )


@pytest.mark.parametrize(
    ("options", "endpoint", "region"),
    [
        ({"endpoint": "http://minio:9000"}, "http://minio:9000", "us-east-1"),
        ({"endpoint": "minio:9000"}, "https://minio:9000", "us-east-1"),
        (
            {"endpoint": "minio:9000", "connection.ssl.enabled": "false"},
            "http://minio:9000",
            "us-east-1",
        ),
        ({"endpoint": "s3.eu-west-3.amazonaws.com"}, None, "eu-west-3"),
        ({"endpoint": "s3.amazonaws.com", "endpoint.region": "eu-west-3"}, None, "eu-west-3"),
        ({"endpoint.region": "eu-west-3"}, None, "eu-west-3"),
    ],
)
def test_endpoint_and_region_are_those_of_s3a(
    options: dict[str, str], endpoint: str | None, region: str
) -> None:
    found = access({**options, "path.style.access": "true"})

    assert (found.endpoint, found.region, found.path_style) == (endpoint, region, True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"aws.credentials.provider": "com.example.Vault"}, "provider names com.example.Vault"),
        (
            {"aws.credentials.provider": f"{HADOOP}auth.AssumedRoleCredentialProvider"},
            "AssumedRoleCredentialProvider",
        ),
        ({"aws.credentials.provider": DEFAULTS}, "EnvironmentVariableCredentialsProvider"),
        ({"aws.credentials.provider": ""}, "names none that has credentials"),
        ({"proxy.host": "proxy"}, "fs.s3a.proxy.host is set"),
        ({"requester.pays.enabled": "true"}, "fs.s3a.requester.pays.enabled is set"),
        ({"encryption.algorithm": "CSE-KMS"}, "fs.s3a.encryption.algorithm is set"),
        ({"accesspoint.arn": "arn:aws:s3"}, "fs.s3a.accesspoint.arn is set"),
        ({"option.of.tomorrow": "1"}, "fs.s3a.option.of.tomorrow is set"),
    ],
)
def test_what_only_s3a_understands_is_not_guessed(options: dict[str, str], message: str) -> None:
    with pytest.raises(UnknownAccessError, match=message):
        access(options)


def test_an_endpoint_of_the_environment_alone_is_not_guessed() -> None:
    with pytest.raises(UnknownAccessError, match="AWS_ENDPOINT_URL is set"):
        access({}, environment={"AWS_ENDPOINT_URL": "http://127.0.0.1"})


def test_options_for_speed_change_nothing() -> None:
    names = ("connection.maximum", "threads.max", "input.stream.type", "retry.limit", "impl")

    assert access(dict.fromkeys(names, "7")) == BucketAccess("photos")


def test_the_session_of_a_job_reaches_the_endpoint_of_the_environment(
    spark: SparkSession, store: Store
) -> None:
    found = find_access(spark, f"{store.location}/in")

    assert (found.bucket, found.path_style, found.keys) == (store.name, True, None)
    assert found.endpoint == store.client.meta.endpoint_url


def test_options_of_one_bucket_come_before_those_of_all(spark: SparkSession, store: Store) -> None:
    spark.conf.set(f"fs.s3a.bucket.{store.name}.endpoint", "http://127.0.0.1:1")
    spark.conf.set(
        f"fs.s3a.bucket.{store.name}.aws.credentials.provider",
        f"{HADOOP}SimpleAWSCredentialsProvider",
    )
    spark.conf.set(f"fs.s3a.bucket.{store.name}.access.key", "id")
    spark.conf.set(f"fs.s3a.bucket.{store.name}.secret.key", "secret")

    found = find_access(spark, store.location)

    assert (found.endpoint, found.keys) == ("http://127.0.0.1:1", Keys("id", "secret", None))
    assert find_access(spark, "s3a://another-bucket").keys is None


def test_images_are_read_through_spark_where_the_access_is_unknown(
    spark: SparkSession, store: Store
) -> None:
    store.put("in/a.png", png())
    spark.conf.set(f"fs.s3a.bucket.{store.name}.requester.pays.enabled", "true")

    images = Images(spark, f"{store.location}/in")

    assert images.paths == [f"{store.location}/in/a.png"]
    assert images.remarks == [
        "images are read through Spark, which is slower for small ones: "
        "fs.s3a.requester.pays.enabled is set"
    ]
