import os
import random
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from modules.errors import JobError
from modules.spark.io.images import Images, label_of
from tests.spark.conftest import Store, png

ODD_NAMES = [
    "_DSC0001.JPG",
    ".hidden.png",
    "with space.jpeg",
    "per%20cent+plus.png",
    "é中#?&=.webp",
    'it\'s "quoted".tif',
    "back\\slash.bmp",
    "deep/er/x.png",
    "class=apple/x.png",
    "_folder/x.png",
]


def test_images_with_unusual_names_are_listed_and_read(spark: SparkSession, tmp_path: Path) -> None:
    for index, name in enumerate(ODD_NAMES):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * (index + 1))
    (tmp_path / "notes.txt").touch()

    images = Images(spark, str(tmp_path))
    found = images.contents(images.paths, max_bytes=100).collect()

    assert sorted(images.paths) == sorted(f"file:{tmp_path}/{name}" for name in ODD_NAMES)
    assert {row["path"]: row["size"] for row in found} == {
        f"file:{tmp_path}/{name}": index + 1 for index, name in enumerate(ODD_NAMES)
    }


def test_objects_with_unusual_keys_are_read(spark: SparkSession, store: Store) -> None:
    names = [name for name in ODD_NAMES if "\\" not in name]
    for name in names:
        store.put(f"in/{name}", name.encode())

    images = Images(spark, f"{store.location}/in/")
    found = images.contents(images.paths, max_bytes=100).collect()

    assert {row["path"]: bytes(row["content"]).decode() for row in found} == {
        f"{store.location}/in/{name}": name for name in names
    }


def test_only_the_chosen_images_are_read_and_nothing_is_listed_again(
    spark: SparkSession, photos: Path
) -> None:
    images = Images(spark, str(photos))

    some = images.contents(images.paths[3:5], max_bytes=10_000)

    assert sorted(row["path"] for row in some.select("path").collect()) == images.paths[3:5]
    assert len(some.inputFiles()) == len(images.paths)  # of the one listing
    assert some.rdd.getNumPartitions() <= 2


@pytest.mark.parametrize("seed", range(3))
def test_any_selection_of_images_is_read_and_no_other_image(
    seed: int, spark: SparkSession, tmp_path: Path
) -> None:
    names = [*ODD_NAMES, *(f"{index}.png" for index in range(40)), "ü.png", "😀.png", "Z.png"]
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    images = Images(spark, str(tmp_path), [str(tmp_path / "_folder")])
    random_source = random.Random(seed)
    chosen = [path for path in images.paths if random_source.random() < 0.6]

    found = images.contents(images.take(chosen, 1_000), max_bytes=100).collect()

    assert sorted(row["path"] for row in found) == sorted(chosen)
    assert not any("_folder" in path for path in images.paths)


def test_a_selection_too_scattered_for_one_query_is_taken_in_parts(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modules.spark.io.images._MAX_RUNS", 3)
    for index in range(10):
        (tmp_path / f"{index}.png").write_bytes(b"x")
    images = Images(spark, str(tmp_path))
    scattered = images.paths[::2]

    assert images.take(scattered, 10) == scattered[:3]
    assert images.take(images.paths, 10) == images.paths
    assert images.take(images.paths, 4) == images.paths[:4]


def test_images_with_too_many_bytes_are_not_read(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "small.png").write_bytes(b"x" * 10)
    (tmp_path / "large.png").write_bytes(b"x" * 11)
    images = Images(spark, str(tmp_path))

    found = images.contents(images.paths, max_bytes=10).collect()

    assert [row["path"] for row in found] == [f"file:{tmp_path}/small.png"]


def test_images_under_excluded_prefixes_are_not_listed(spark: SparkSession, photos: Path) -> None:
    images = Images(spark, str(photos), [str(photos / "odd"), None])

    assert [label_of(path) for path in images.paths] == ["even"] * 6


@pytest.mark.parametrize(("pattern", "count"), [("*/0[0-3].png", 4), ("odd", 6), ("odd/01.png", 1)])
def test_a_location_may_be_a_pattern_a_folder_or_a_file(
    pattern: str, count: int, spark: SparkSession, photos: Path
) -> None:
    images = Images(spark, f"{photos}/{pattern}")

    assert len(images.paths) == count
    assert all(path.startswith(images.root) for path in images.paths)


def test_image_names_are_relative_to_the_given_folder(spark: SparkSession, photos: Path) -> None:
    assert Images(spark, f"{photos}/").root == f"file:{photos}/"
    assert Images(spark, f"{photos}/*/0*.png").root == f"file:{photos}/"


def test_image_names_in_a_bucket_are_relative_to_the_prefix(
    spark: SparkSession, store: Store
) -> None:
    store.put("in/x/1.png", b"1")
    store.put("in/y/2.png", b"2")

    assert Images(spark, f"{store.location}/in").root == f"{store.location}/in/"
    assert Images(spark, f"{store.location}/in/*/*.png").root == f"{store.location}/in/"


def test_a_location_without_images_is_an_error(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(JobError, match="gone: there is nothing to be read"):
        Images(spark, f"{tmp_path}/gone")

    (tmp_path / "notes.txt").write_bytes(b"notes")
    with pytest.raises(JobError, match=r"no images \(JPEG, .*there; 1 file left out: 1 .txt"):
        Images(spark, str(tmp_path))


OTHERS = ["notes.txt", "a.JSON", "b.json", "LICENSE", "_SUCCESS", "empty.txt"]
BY_CONTENTS = ["a.jfif", "b.MPO", "c.tmp"]


def test_images_are_recognised_by_contents_and_other_files_counted(
    spark: SparkSession, tmp_path: Path
) -> None:
    for name in (*BY_CONTENTS, "broken.jpg"):
        (tmp_path / name).write_bytes(b"x" if name == "broken.jpg" else png())
    for name in OTHERS:
        (tmp_path / name).write_bytes(b"" if name == "empty.txt" else b"text")

    images = Images(spark, str(tmp_path))
    found = images.contents(images.paths, max_bytes=10_000).collect()

    expected = sorted(f"file:{tmp_path}/{name}" for name in (*BY_CONTENTS, "broken.jpg"))
    assert sorted(images.paths) == sorted(row["path"] for row in found) == expected
    assert images.left_out == {".txt": 2, ".json": 2, "without a suffix": 2}


def test_objects_are_recognised_by_contents(spark: SparkSession, store: Store) -> None:
    for name in (*BY_CONTENTS, "no suffix", "é#1.odd suffix"):
        store.put(f"in/{name}", png())
    for name in OTHERS:
        store.put(f"in/{name}", b"" if name == "empty.txt" else b"text")
    store.put("in/large.bin", bytes(3_000_000))

    images = Images(spark, f"{store.location}/in/")
    found = images.contents(images.paths, max_bytes=10_000).collect()

    assert sorted(row["path"] for row in found) == sorted(images.paths)
    assert sorted(path.rpartition("/")[2] for path in images.paths) == sorted(
        [*BY_CONTENTS, "no suffix", "é#1.odd suffix"]
    )
    assert images.left_out[".bin"] == 1
    assert sum(images.left_out.values()) == len(OTHERS) + 1


def test_files_between_images_do_not_scatter_them(spark: SparkSession, tmp_path: Path) -> None:
    for index in range(10):
        (tmp_path / f"{index}.jfif").write_bytes(png())
        (tmp_path / f"{index}.jfif.json").write_bytes(b"{}")

    images = Images(spark, str(tmp_path))

    assert len(list(images._runs(images.paths))) == 1
    assert images.left_out == {".json": 10}


def test_images_that_java_cannot_read_are_found(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    for name in (b"caf\xe9.png", b"\xff", b"out/\xe9.png"):
        Path(os.fsdecode(bytes(tmp_path) + b"/" + name)).write_bytes(png())
    (tmp_path / os.fsdecode(b"notes\xe9.txt")).write_bytes(b"text")
    (tmp_path / "\u00e9.png").write_bytes(png())

    images = Images(spark, str(tmp_path), [str(tmp_path / "out")])

    assert images.paths == [f"file:{tmp_path}/\u00e9.png"]
    assert images.unreadable == [f"file:{tmp_path}/\\xff", f"file:{tmp_path}/caf\\xe9.png"]
