from concurrent.futures import ThreadPoolExecutor

from modules.cli.local_aws.bucket import BUCKET, LocalBucket
from modules.errors import ObjectChangedError
from modules.storage.bucket import Bucket


def test_exactly_one_of_many_concurrent_writes_if_absent_succeeds(bucket: LocalBucket) -> None:
    def write(number: int) -> bool:
        try:
            Bucket(bucket.client).put(
                BUCKET, "a", b"%d" % number, "text/plain", metadata={}, if_match=None
            )
        except ObjectChangedError:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(write, range(24))) == 1


def test_an_object_appears_together_with_its_metadata(bucket: LocalBucket) -> None:
    def write(number: int) -> None:
        bucket.client.put_object(Bucket=BUCKET, Key=f"{number}", Body=b"x", Metadata={"a": "b"})

    def is_absent_or_complete(number: int) -> bool:
        found = Bucket(bucket.client).head(BUCKET, f"{number}")
        return found is None or found.metadata == {"a": "b"}

    with ThreadPoolExecutor(8) as threads:
        for number in range(12):
            written = threads.submit(write, number)
            assert all(threads.map(is_absent_or_complete, [number] * 6))
            written.result()


def test_later_events_have_greater_sequencers(bucket: LocalBucket) -> None:
    for _ in range(3):
        bucket.client.put_object(Bucket=BUCKET, Key="input/a", Body=b"x")

    sequencers = [
        int(event["Records"][0]["s3"]["object"]["sequencer"], 16)
        for event in bucket.events()
        if "Records" in event
    ]
    assert sequencers == sorted(set(sequencers))
    assert len(sequencers) == 3
