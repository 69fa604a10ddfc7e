from modules.spark.io.buckets import make_environment
from modules.spark.session.bucket_access import BucketAccess, Keys


def test_what_the_session_knows_replaces_the_variables_of_the_environment() -> None:
    environment = {
        "AWS_ENDPOINT_URL_S3": "http://old",
        "AWS_DEFAULT_REGION": "old",
        "AWS_ACCESS_KEY_ID": "old",
        "AWS_SECRET_ACCESS_KEY": "old",
        "AWS_SESSION_TOKEN": "old",
        "HOME": "/home",
    }
    access = BucketAccess("photos", "http://new", "new", keys=Keys("id", "secret", None))

    assert make_environment(access, environment) == {
        "AWS_ENDPOINT_URL": "http://new",
        "AWS_REGION": "new",
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "HOME": "/home",
    }
    assert make_environment(BucketAccess("photos"), environment) == environment
