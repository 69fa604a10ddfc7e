import os
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from modules.errors import JobError
from modules.spark.io import images as images_module
from modules.spark.io.images import Images
from modules.spark.io.locations import label_of
from modules.spark.io.readers import ReadImage, unpack
from modules.spark.io.spark_files import SparkFiles
from tests.spark.conftest import Store, png

ODD_NAMES = [
    "_DSC0001.JPG",
    ".hidden.png",
    "with space.jpeg",
    "per%20cent+plus.png",
    "é中#?&=.webp",
    'it\'s "quoted".tif',
    "back\\slash.bmp",
    "line\nbreak.png",
    "deep/er/x.png",
    "class=apple/x.png",
    "_folder/x.png",
]


@pytest.fixture(params=["workers", "Spark"])
def opened_by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Who opens the images; Spark does it for file systems that the workers cannot open."""
    if request.param == "Spark":
        monkeypatch.setattr(
            images_module,
            "_open_source",
            lambda spark, location, root: (SparkFiles(spark, location), []),
        )
    return str(request.param)


def read(
    images: Images, paths: Sequence[str] | None = None, *, max_bytes: int = 10_000
) -> list[ReadImage]:
    """Reads some images, or all, as the workers do, in two tasks."""
    chosen = images.paths if paths is None else paths
    sizes = [len(chosen) - len(chosen) // 2, len(chosen) // 2]
    files, reader = images.read(chosen, sizes, max_bytes=max_bytes)
    return list(reader(iter(files.toArrow().to_batches())))


def test_images_with_unusual_names_are_listed_and_read(
    opened_by: str, spark: SparkSession, tmp_path: Path
) -> None:
    for index, name in enumerate(ODD_NAMES):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * (index + 1))
    (tmp_path / "notes.txt").touch()

    images = Images(spark, str(tmp_path))
    found = read(images)

    assert sorted(images.paths) == sorted(f"file:{tmp_path}/{name}" for name in ODD_NAMES)
    assert {image.path: (image.size, image.data) for image in found} == {
        f"file:{tmp_path}/{name}": (index + 1, b"x" * (index + 1))
        for index, name in enumerate(ODD_NAMES)
    }


def test_objects_with_unusual_keys_are_read(
    opened_by: str, spark: SparkSession, store: Store
) -> None:
    names = [name for name in ODD_NAMES if "\\" not in name and "\n" not in name]
    for name in names:
        store.put(f"in/{name}", name.encode())

    images = Images(spark, f"{store.location}/in/")
    found = read(images)

    assert images.remarks == []
    assert {image.path: image.data.decode() for image in found} == {
        f"{store.location}/in/{name}": name for name in names
    }


def test_size_and_time_of_images_are_those_of_their_files(
    opened_by: str, spark: SparkSession, tmp_path: Path, store: Store
) -> None:
    (tmp_path / "a.png").write_bytes(b"abc")
    os.utime(tmp_path / "a.png", (1_700_000_000, 1_700_000_000))
    store.put("a.png", b"abcd")
    written = store.client.head_object(Bucket=store.name, Key="a.png")["LastModified"]

    (local,) = read(Images(spark, str(tmp_path)))
    (remote,) = read(Images(spark, store.location))

    assert (local.size, local.modified) == (3, 1_700_000_000_000_000)
    assert (remote.size, remote.modified) == (4, written.timestamp() * 1_000_000)


def test_spark_reads_only_the_chosen_images_and_lists_nothing_again(
    spark: SparkSession, photos: Path
) -> None:
    source = SparkFiles(spark, str(photos))

    some, _ = source.read(source.paths[3:5], [1, 1], max_bytes=10_000)

    assert sorted(row["path"] for row in some.select("path").collect()) == source.paths[3:5]
    assert len(some.inputFiles()) == len(source.paths)  # of the one listing
    assert some.rdd.getNumPartitions() <= 2


@pytest.mark.parametrize("seed", range(3))
def test_any_selection_of_images_is_read_and_no_other_image(
    seed: int, opened_by: str, spark: SparkSession, tmp_path: Path
) -> None:
    names = [*ODD_NAMES, *(f"{index}.png" for index in range(40)), "ü.png", "😀.png", "Z.png"]
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    images = Images(spark, str(tmp_path), [str(tmp_path / "_folder")])
    random_source = random.Random(seed)
    chosen = [path for path in images.paths if random_source.random() < 0.6]

    found = read(images, images.take(chosen, 1_000))

    assert sorted(image.path for image in found) == sorted(chosen)
    assert not any("_folder" in path for path in images.paths)


def test_each_task_has_as_many_images_as_it_should(spark: SparkSession, photos: Path) -> None:
    images = Images(spark, str(photos))

    files, _ = images.read(images.paths, [7, 3, 1, 1], max_bytes=10_000)

    parts = files.rdd.glom().collect()
    assert [len(part) for part in parts] == [1, 1, 1, 1]
    assert [len(unpack(part[0]["files"])) for part in parts] == [7, 3, 1, 1]


def test_a_selection_too_scattered_for_one_query_is_taken_in_parts(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modules.spark.io.spark_files._MAX_RUNS", 3)
    for index in range(10):
        (tmp_path / f"{index}.png").write_bytes(b"x")
    source = SparkFiles(spark, str(tmp_path))
    scattered = source.paths[::2]

    assert source.take(scattered, 10) == scattered[:3]
    assert source.take(source.paths, 10) == source.paths
    assert source.take(source.paths, 4) == source.paths[:4]


def test_the_bytes_of_images_with_too_many_are_not_read(
    spark: SparkSession, tmp_path: Path, store: Store
) -> None:
    for name, size in (("empty.png", 0), ("large.png", 11), ("small.png", 10)):
        (tmp_path / name).write_bytes(b"x" * size)
        store.put(name, b"x" * size)

    for location in (str(tmp_path), store.location):
        empty, large, small = read(Images(spark, location), max_bytes=10)

        assert (small.size, small.error, small.data) == (10, None, b"x" * 10)
        assert (large.size, large.error, large.data) == (
            11,
            "11 bytes are too many; at most 10 are allowed (MAX_IMAGE_BYTES)",
            b"",
        )
        assert (empty.size, empty.error) == (0, "the file is empty")


def test_images_that_change_after_the_listing_are_read_as_they_are_then(
    spark: SparkSession, tmp_path: Path, store: Store
) -> None:
    put: dict[str, Callable[[str, bytes], object]] = {
        str(tmp_path): lambda name, data: (tmp_path / name).write_bytes(data),
        store.location: store.put,
    }
    for location, write in put.items():
        for name in ("grows.png", "shrinks.png", "too large.png", "too small.png"):
            write(name, b"x" * (20 if name == "too small.png" else 5))
        images = Images(spark, location)
        write("grows.png", b"y" * 9)
        write("shrinks.png", b"y")
        write("too large.png", b"y" * 11)
        write("too small.png", b"y" * 3)

        grown, shrunk, large, small = read(images, max_bytes=10)

        assert (grown.size, grown.data) == (9, b"y" * 9)
        assert (shrunk.size, shrunk.data) == (1, b"y")
        assert (large.size, large.data, large.error is None) == (11, b"", False)
        assert (small.size, small.data) == (3, b"yyy")


def test_images_that_cannot_be_read_are_passed_over(
    spark: SparkSession, tmp_path: Path, store: Store
) -> None:
    for name in ("a.png", "folder.png", "gone.png", "z.png"):
        (tmp_path / name).write_bytes(b"x")
        store.put(name, b"x")
    local, remote = Images(spark, str(tmp_path)), Images(spark, store.location)
    (tmp_path / "gone.png").unlink()
    (tmp_path / "folder.png").unlink()
    (tmp_path / "folder.png").mkdir()
    store.client.delete_object(Bucket=store.name, Key="gone.png")

    assert [image.path for image in read(local)] == [
        f"file:{tmp_path}/a.png",
        f"file:{tmp_path}/z.png",
    ]
    assert len(read(remote)) == 3


def test_a_pipe_is_an_empty_image_and_is_not_waited_for(
    spark: SparkSession, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe.png")

    (image,) = read(Images(spark, str(tmp_path)))

    assert image.error == "the file is empty"


def test_links_are_followed_but_not_in_circles(spark: SparkSession, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "in" / name).mkdir(parents=True)
        (tmp_path / "in" / name / "1.png").write_bytes(b"x")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "2.png").write_bytes(b"x")
    (tmp_path / "in" / "a" / "up").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "a" / "other").symlink_to(tmp_path / "in" / "b")
    (tmp_path / "in" / "b" / "back").symlink_to(tmp_path / "in" / "a")
    (tmp_path / "in" / "out").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in" / "nowhere.png").symlink_to(tmp_path / "gone")
    (tmp_path / "in" / "linked.png").symlink_to(tmp_path / "elsewhere" / "2.png")

    images = Images(spark, str(tmp_path / "in"))

    assert [path.removeprefix(f"file:{tmp_path}/in/") for path in images.paths] == [
        "a/1.png",
        "a/other/1.png",
        "b/1.png",
        "b/back/1.png",
        "linked.png",
        "out/2.png",
    ]


def test_a_folder_that_cannot_be_listed_is_an_error(
    spark: SparkSession, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = os.scandir

    def refuse(folder: bytes) -> object:
        if folder.endswith(b"/odd"):
            raise PermissionError(13, "Permission denied")
        return scan(folder)

    monkeypatch.setattr(os, "scandir", refuse)  # root, who may run this test, may list any folder

    with pytest.raises(JobError, match="photos/odd cannot be listed: Permission denied"):
        Images(spark, str(photos))


def test_an_object_for_a_folder_is_no_image(spark: SparkSession, store: Store) -> None:
    store.put("in/folder.png/", b"")
    store.put("in/folder.png/a.png", b"x")
    store.put("in-between/b.png", b"x")

    assert Images(spark, f"{store.location}/in").paths == [f"{store.location}/in/folder.png/a.png"]


def test_images_under_excluded_prefixes_are_not_listed(spark: SparkSession, photos: Path) -> None:
    images = Images(spark, str(photos), [str(photos / "odd"), None])

    assert [label_of(path) for path in images.paths] == ["even"] * 6


@pytest.mark.parametrize(("pattern", "count"), [("*/0[0-3].png", 4), ("odd", 6), ("odd/01.png", 1)])
def test_a_location_may_be_a_pattern_a_folder_or_a_file(
    pattern: str, count: int, opened_by: str, spark: SparkSession, photos: Path
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

    assert len(Images(spark, f"{store.location}/in/x/1.png").paths) == 1
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
    opened_by: str, spark: SparkSession, tmp_path: Path
) -> None:
    for name in (*BY_CONTENTS, "broken.jpg"):
        (tmp_path / name).write_bytes(b"x" if name == "broken.jpg" else png())
    for name in OTHERS:
        (tmp_path / name).write_bytes(b"" if name == "empty.txt" else b"text")

    images = Images(spark, str(tmp_path))
    found = read(images)

    expected = sorted(f"file:{tmp_path}/{name}" for name in (*BY_CONTENTS, "broken.jpg"))
    assert sorted(images.paths) == sorted(image.path for image in found) == expected
    assert images.left_out == {".txt": 2, ".json": 2, "without a suffix": 2}


def test_objects_are_recognised_by_contents(
    opened_by: str, spark: SparkSession, store: Store
) -> None:
    for name in (*BY_CONTENTS, "no suffix", "é#1.odd suffix"):
        store.put(f"in/{name}", png())
    for name in OTHERS:
        store.put(f"in/{name}", b"" if name == "empty.txt" else b"text")
    store.put("in/large.bin", bytes(3_000_000))

    images = Images(spark, f"{store.location}/in/")
    found = read(images)

    assert sorted(image.path for image in found) == sorted(images.paths)
    assert sorted(path.rpartition("/")[2] for path in images.paths) == sorted(
        [*BY_CONTENTS, "no suffix", "é#1.odd suffix"]
    )
    assert images.left_out[".bin"] == 1
    assert sum(images.left_out.values()) == len(OTHERS) + 1


def test_files_between_images_do_not_scatter_them(spark: SparkSession, tmp_path: Path) -> None:
    for index in range(10):
        (tmp_path / f"{index}.jfif").write_bytes(png())
        (tmp_path / f"{index}.jfif.json").write_bytes(b"{}")

    source = SparkFiles(spark, str(tmp_path))
    pictures = [path for path in source.paths if path.endswith(".jfif")]
    source.narrow(pictures)

    assert source.paths == pictures
    assert len(list(source._runs(pictures))) == 1


def test_images_whose_names_are_no_utf8_are_found(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    for name in (b"caf\xe9.png", b"\xff", b"out/\xe9.png"):
        Path(os.fsdecode(bytes(tmp_path) + b"/" + name)).write_bytes(png())
    (tmp_path / os.fsdecode(b"notes\xe9.txt")).write_bytes(b"text")
    (tmp_path / "\u00e9.png").write_bytes(png())

    images = Images(spark, str(tmp_path), [str(tmp_path / "out")])

    assert images.paths == [f"file:{tmp_path}/\u00e9.png"]
    assert images.unreadable == [f"file:{tmp_path}/\\xff", f"file:{tmp_path}/caf\\xe9.png"]
