from collections import Counter
from pathlib import Path

import pytest

from modules.cli.local_aws.bucket import BUCKET, LocalBucket
from modules.errors import FolderChangedError, StorageError
from modules.models.folder import LocalFolder, S3Folder
from modules.models.loader import load_model
from modules.models.store import ModelStore
from modules.settings import Settings
from modules.storage.client import create_client
from tests.faults.faults import Fault, Faults
from tests.faults.proxy import FaultyProxy

FILES = ["colours.cfg", "colours.names", "colours.weights"]
SETTINGS = Settings(model="models/colours/")


@pytest.mark.parametrize("name", FILES)
def test_one_fault_while_a_model_is_read_costs_at_most_one_retry(
    name: str, bucket: LocalBucket, proxy: FaultyProxy, colour_model: Path
) -> None:
    bucket.upload_model(colour_model)
    proxy.slow_seconds = 0
    faults: list[Fault] = []

    def choose(method: str, path: str, number: int) -> Fault | None:
        return faults.pop() if path.endswith(name) and faults else None

    proxy.choose = choose
    for fault in Fault:
        faults.append(fault)
        store = ModelStore(create_client(), SETTINGS)
        try:
            model = store.model_for(BUCKET)
        except StorageError:
            model = store.model_for(BUCKET)
        assert model.digest == load_model(LocalFolder(colour_model), Settings()).digest

    assert proxy.injected == dict.fromkeys(Fault, 1)


def test_a_cold_start_with_faults_loads_the_model_or_raises_a_storage_error(
    bucket: LocalBucket, proxy: FaultyProxy, colour_model: Path
) -> None:
    bucket.upload_model(colour_model)
    weights: dict[Fault, float] = dict.fromkeys(Fault, 1)
    del weights[Fault.SLOW_DOWN]  # waits for seconds
    proxy.choose, proxy.slow_seconds = Faults(0.5, seed=1, weights=weights), 0
    digest = load_model(LocalFolder(colour_model), Settings()).digest
    outcomes: Counter[str] = Counter()

    for _ in range(25):
        store = ModelStore(create_client(), SETTINGS)
        try:
            assert store.model_for(BUCKET).digest == digest
            outcomes["loaded"] += 1
        except StorageError:
            outcomes["failed"] += 1

    assert min(outcomes["loaded"], outcomes["failed"]) > 3


def test_a_file_replaced_while_the_connection_breaks_raises_folder_changed(
    bucket: LocalBucket, proxy: FaultyProxy, colour_model: Path
) -> None:
    bucket.upload_model(colour_model)
    proxy.choose = lambda method, path, number: (
        Fault.CUT if path.endswith(".names") and number == 0 else None
    )
    folder = S3Folder(create_client(), BUCKET, "models/colours/")
    folder.files()

    with folder.open("colours.names") as stream:
        bucket.client.put_object(Bucket=BUCKET, Key="models/colours/colours.names", Body=b"a\nb\n")
        with pytest.raises(FolderChangedError):
            stream.read(100)


@pytest.mark.parametrize("fault", [Fault.TOO_SHORT, Fault.TOO_LONG])
def test_a_length_that_differs_from_the_listing_is_an_error_on_opening(
    fault: Fault, bucket: LocalBucket, proxy: FaultyProxy, colour_model: Path
) -> None:
    bucket.upload_model(colour_model)
    proxy.choose = lambda method, path, number: fault if path.endswith(".names") else None
    folder = S3Folder(create_client(), BUCKET, "models/colours/")
    folder.files()

    with pytest.raises(StorageError, match=r"models/colours/colours.names has 10 bytes"):
        folder.open("colours.names")
