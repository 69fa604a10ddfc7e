"""`models compare`: where two models differ on pictures, and how accurate both are."""

from __future__ import annotations

import json
import math
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from modules.cli import main
from modules.cli.local_aws.bucket import BUCKET, LocalBucket
from modules.cli.models.compare.accuracy import measure, truth_document, truth_object
from modules.cli.models.compare.differences import (
    Names,
    Pair,
    count_by_class,
    find_differences,
    overlap,
)
from modules.object_detection.detections import Detections
from tests.cli.detecting import Run, image, write
from tests.cli.test_models_push import write_swapped_model
from tests.colour_model import CELL, SIZE, write_colour_model

Compare = Callable[..., Run]


def change(model: Path, *, objectness: list[float] | None = None, wider: float = 1) -> Path:
    """Changes the weights of a colour model: which colours it finds, and how wide its boxes are."""
    path = model / "colours.weights"
    header, values = path.read_bytes()[:20], np.frombuffer(path.read_bytes()[20:], "<f4").copy()
    values[2] = math.log(wider)  # the bias of tw
    if objectness:
        values[7 + 3 * 4 : 7 + 3 * 5] = objectness
    path.write_bytes(header + values.tobytes())
    return model


@pytest.fixture
def compare(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Compare:
    """Runs `models compare A B ...` in a folder with two equal models, `A` and `B`."""
    monkeypatch.chdir(tmp_path)
    for name in ("A", "B"):
        write_colour_model(tmp_path / name)
    write("photos/both.png", image(red=(2, 5), green=(6, 1)))
    write("photos/deep/red.png", image(red=(1, 1)))
    write("photos/nothing.png", image(white=(0, 0)))

    def run(*arguments: object) -> Run:
        code = main(["models", "compare", *map(str, arguments or ("A", "B", "photos"))])
        out, err = capsys.readouterr()
        return Run(code, out, err)

    return run


def document(run: Run) -> dict[str, Any]:
    assert run.code == 0, run.err
    (line,) = run.out.splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def write_labels(folder: str = "labels", red: int = 0, green: int = 1) -> None:
    """Writes the labels of the pictures of `compare`."""

    def line(number: int, column: int, row: int) -> str:
        return f"{number} {(column + 0.5) / 8} {(row + 0.5) / 8} 0.125 0.125\n"

    write(f"{folder}/both.txt", (line(red, 2, 5) + line(green, 6, 1)).encode())
    write(f"{folder}/deep/red.txt", line(red, 1, 1).encode())
    write(f"{folder}/nothing.txt", b"\n")


def found(*boxes: tuple[int, int, int, int], ids: list[int] | None = None) -> Detections:
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.linspace(0.9, 0.6, len(boxes), dtype=np.float32),
        np.array(ids or [0] * len(boxes), np.int32),
    )


def test_nothing_has_no_differences() -> None:
    differences = find_differences(found(), found())

    assert (differences.pairs, differences.only_a, differences.only_b) == ((), (), ())
    assert differences.size == 0
    assert overlap(found().boxes, found((0, 0, 2, 2)).boxes).shape == (0, 1)


def test_boxes_are_matched_by_class_and_overlap() -> None:
    a = found((0, 0, 10, 10), (0, 0, 10, 10), (50, 50, 60, 60), ids=[0, 1, 0])
    b = found((0, 0, 10, 10), (50, 50, 60, 66), (90, 90, 99, 99), ids=[1, 0, 0])

    differences = find_differences(a, b)

    assert differences.pairs == (Pair(1, 0, 1.0), Pair(2, 1, 0.625))
    assert differences.only_a == (0,)
    assert differences.only_b == (2,)
    assert differences.moved == (Pair(2, 1, 0.625),)
    assert differences.size == pytest.approx(0.9 + 0.6 + 0.375)


def test_of_several_boxes_the_nearest_is_taken_and_each_only_once() -> None:
    a = found((0, 0, 10, 10), (1, 0, 11, 10))
    b = found((1, 0, 11, 10), (2, 0, 12, 10))

    differences = find_differences(a, b)

    assert [(pair.a, pair.b) for pair in differences.pairs] == [(1, 0), (0, 1)]
    assert [round(pair.iou, 3) for pair in differences.pairs] == [1.0, 0.667]


def test_the_thresholds_are_an_iou_of_one_half_and_of_three_quarters() -> None:
    box = (0, 0, 100, 100)

    assert find_differences(found(box), found((0, 0, 50, 100))).pairs[0].is_moved
    assert find_differences(found(box), found((0, 0, 49, 100))).pairs == ()
    assert not find_differences(found(box), found((0, 0, 75, 100))).pairs[0].is_moved
    assert find_differences(found(box), found((0, 0, 74, 100))).pairs[0].is_moved


def test_boxes_without_an_area_match_nothing() -> None:
    assert find_differences(found((3, 3, 3, 3)), found((3, 3, 3, 3))).pairs == ()


def test_counts_add_up() -> None:
    a = found((0, 0, 10, 10), (20, 0, 30, 10), (0, 50, 9, 59), ids=[0, 0, 1])
    b = found((0, 0, 10, 10), (20, 0, 30, 16), (70, 70, 80, 80), ids=[0, 0, 0])

    counts = count_by_class([find_differences(a, b)])

    assert vars(counts[0]) == {"a": 2, "b": 3, "same": 1, "moved": 1, "only_a": 0, "only_b": 1}
    assert vars(counts[1]) == {"a": 1, "b": 0, "same": 0, "moved": 0, "only_a": 1, "only_b": 0}


def test_classes_are_matched_by_name() -> None:
    names = Names(["cat", "dog"], ["dog", "bird", "cat"])

    assert names.all == ("cat", "dog", "bird")
    translated = names.translate(found((0, 0, 1, 1), (0, 0, 1, 1), ids=[2, 0]), names.all[::-1])
    assert translated.class_ids.tolist() == [0, 2]


def test_accuracy_is_that_of_the_definition() -> None:
    # Two objects; the better detection hits the first, the second misses, the third hits
    objects = [truth_object(number, 1, 0, (50.0 * number, 0, 10, 10)) for number in (1, 2)]
    truth = truth_document(["a"], objects, 2)
    rows = {
        "a": [[0, 0.9, 50, 0, 60, 10], [0, 0.8, 0, 80, 9, 89], [0, 0.7, 100, 0, 110, 10]],
    }

    accuracy = measure(truth, rows)

    # Precision is 1 up to a recall of 0.5 (51 of 101 points), and 2/3 from there on
    assert accuracy.map50 == pytest.approx((51 + 50 * 2 / 3) / 101)
    assert accuracy.by_class[0] == pytest.approx(accuracy.map50)
    assert math.isnan(accuracy.by_class[1])
    nothing = measure(truth, {"a": []})
    assert (nothing.map50, nothing.by_class[0]) == (0, 0)
    assert math.isnan(nothing.by_class[1])


def test_equal_models_do_not_differ(compare: Compare) -> None:
    run = compare("A", "B", "photos", "--json")

    report = document(run)
    assert report["total"] == {"a": 3, "b": 3, "same": 3, "moved": 0, "only_a": 0, "only_b": 0}
    assert report["differing"] == []
    assert report["pictures"] == 3
    assert report["a"]["digest"] == report["b"]["digest"]
    assert "A and B are the same model" in run.err


def test_what_one_model_finds_alone_is_counted_and_listed(compare: Compare) -> None:
    change(Path("B"), objectness=[20, -20, -40])

    run = compare("A", "B", "photos", "--json")

    report = document(run)
    assert report["classes"] == [
        {"label": "red", "a": 2, "b": 2, "same": 2, "moved": 0, "only_a": 0, "only_b": 0},
        {"label": "green", "a": 1, "b": 0, "same": 0, "moved": 0, "only_a": 1, "only_b": 0},
    ]
    (picture,) = report["differing"]
    assert picture["image"] == "photos/both.png"
    assert picture["difference"] == pytest.approx(1, abs=0.001)
    assert picture["only_b"] == picture["moved"] == []
    assert picture["only_a"] == [
        {
            "label": "green",
            "confidence": 1.0,
            "box": {"x": 48.0, "y": 8.0, "width": 8.0, "height": 8.0},
        }
    ]
    assert report["settings"]["match_iou"] == 0.5


def test_boxes_that_moved_are_listed_with_both_places(compare: Compare) -> None:
    change(Path("B"), wider=1.6)

    report = document(compare("A", "B", "photos", "--json"))

    assert report["total"] == {"a": 3, "b": 3, "same": 0, "moved": 3, "only_a": 0, "only_b": 0}
    first, second = report["differing"]
    assert [len(item["moved"]) for item in (first, second)] == [2, 1]
    moved = second["moved"][0]
    assert moved["iou"] == pytest.approx(1 / 1.6, abs=0.001)
    assert moved["a"]["box"]["width"] == 8
    assert moved["b"]["box"]["width"] == pytest.approx(12.8)


def test_models_that_number_their_classes_differently_are_matched_by_name(
    compare: Compare, tmp_path: Path
) -> None:
    write_swapped_model(tmp_path / "swapped")  # green is class 0, and red is class 1

    report = document(compare("A", "swapped", "photos", "--json"))

    assert report["total"] == {"a": 3, "b": 3, "same": 3, "moved": 0, "only_a": 0, "only_b": 0}
    assert report["a"]["digest"] != report["b"]["digest"]


def test_one_place_with_other_names_is_found_by_each_alone(compare: Compare) -> None:
    (Path("B") / "colours.names").write_text("green\nred\n")

    report = document(compare("A", "B", "photos/deep", "--json"))

    by_label = {item["label"]: item for item in report["classes"]}
    assert (by_label["red"]["only_a"], by_label["green"]["only_b"]) == (1, 1)


def test_the_model_of_a_bucket_is_compared_with_a_new_one(
    compare: Compare, bucket: LocalBucket, tmp_path: Path
) -> None:
    for path in sorted(Path("A").iterdir()):
        bucket.client.upload_file(str(path), BUCKET, f"models/in-use/{path.name}")
    change(Path("B"), objectness=[20, -20, -40])

    report = document(compare(f"s3://{BUCKET}/models/in-use/", "B", "photos", "--json"))

    assert report["a"]["model"] == "in-use"
    assert (report["total"]["a"], report["total"]["b"]) == (3, 2)
    missing = compare(f"s3://{BUCKET}/models/nothing/", "B", "photos")
    assert (missing.code, missing.out) == (1, "")
    assert f"s3://{BUCKET}/models/nothing/" in missing.err
    assert compare(f"s3://{BUCKET}", "B", "photos").code == 2


def test_classes_that_only_one_model_has_are_named(compare: Compare) -> None:
    (Path("B") / "colours.names").write_text("red\nblue\n")

    run = compare("A", "B", "photos", "--json")

    report = document(run)
    assert {item["label"]: item["only_a"] + item["only_b"] for item in report["classes"]} == {
        "red": 0,
        "green": 1,
        "blue": 1,
    }
    assert "classes that only A has: green" in run.err
    assert "classes that only B has: blue" in run.err


def test_models_without_a_common_class_are_refused(compare: Compare) -> None:
    (Path("B") / "colours.names").write_text("cat\ndog\n")

    run = compare()

    assert (run.code, run.out) == (2, "")
    assert "no class of one name" in run.err
    assert "A has red, green" in run.err


def test_a_pipe_gets_columns(compare: Compare) -> None:
    change(Path("B"), objectness=[20, -20, -40])

    run = compare()

    models, objects, pictures = run.out.strip().split("\n\n")
    assert models.splitlines()[0].split("\t") == ["model", "name", "engine", "ms", "objects"]
    assert objects.splitlines() == [
        "class\tA\tB\tsame\tmoved\tonly A\tonly B",
        "red\t2\t2\t2\t0\t0\t0",
        "green\t1\t0\t0\t0\t1\t0",
        "all classes\t3\t2\t2\t0\t1\t0",
    ]
    assert pictures.splitlines()[1].split("\t") == [
        "photos/both.png",
        "1.00",
        "only A: green 100%",
    ]


def test_settings_apply_to_both_models(compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    write("photos/yellow.png", image(yellow=(2, 5)))

    low = document(compare("A", "B", "photos", "--confidence", "0.3", "--multi-label", "--json"))
    monkeypatch.setenv("CLASSES", "green")
    green = document(compare("A", "B", "photos", "--json"))

    assert low["total"]["same"] == 5
    assert low["settings"]["multi_label"] is True
    assert [item["label"] for item in green["classes"]] == ["green"]


@pytest.mark.parametrize("labels", [[], ["--labels", "labels"]])
def test_both_models_look_at_slices(
    labels: list[str], compare: Compare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESIZE", "letterbox")  # so that slices have the network's proportions
    # In the whole picture, white hides the square in its cell; in a slice, they have a cell each
    large = np.zeros((2 * SIZE, 2 * SIZE, 3), np.uint8)
    large[SIZE : SIZE + CELL, CELL : 2 * CELL] = 255
    large[SIZE : SIZE + CELL, :CELL] = (0, 0, 255)
    write("large/a.png", bytes(cv2.imencode(".png", large)[1]))
    write("labels/a.txt", b"0 0.03125 0.53125 0.0625 0.0625\n")

    plain = document(compare("A", "B", "large", *labels, "--json"))
    slices = "--slice", SIZE, "--slice-overlap", 0
    sliced = document(compare("A", "B", "large", *labels, *slices, "--json"))

    assert plain["total"]["same"] == 0
    assert sliced["total"]["same"] == 1
    assert sliced["settings"]["slice"] == SIZE
    if labels:
        assert (plain["a"]["map50"], sliced["b"]["map50"]) == (0, 1)


def test_a_picture_that_cannot_be_read_is_named_and_left_out(compare: Compare) -> None:
    write("photos/broken.png", image()[:50])

    run = compare("A", "B", "photos", "missing.png", "--json")

    assert run.code == 1
    assert "photos/broken.png: a PNG" in run.err
    assert "missing.png: there is no such file" in run.err
    report = json.loads(run.out)
    assert report["pictures"] == 3
    assert [text.split(":")[0] for text in report["failures"]] == [
        "missing.png",
        "photos/broken.png",
    ]


def test_a_run_without_any_readable_picture_says_so(compare: Compare) -> None:
    write_labels()
    Path("labels/both.txt").rename("labels/broken.txt")
    write("broken.png", b"no image")

    run = compare("A", "B", "broken.png", "--labels", "labels", "--sheet", "sheet.png")

    assert run.code == 1
    assert "broken.png: " in run.err
    assert "all classes\t0\t0" in run.out


def test_a_picture_that_is_named_twice_counts_once(compare: Compare) -> None:
    write_labels()

    run = compare("A", "B", "photos", "photos/both.png", "--json", "--labels", "labels")

    assert document(run)["pictures"] == 3


def test_labels_measure_both_models(compare: Compare) -> None:
    write_labels()
    change(Path("B"), objectness=[20, -20, -40])

    run = compare("A", "B", "photos", "--labels", "labels", "--json")

    report = document(run)
    assert (report["a"]["map50"], report["a"]["map50_95"]) == (1, 1)
    assert (report["b"]["map50"], report["b"]["map50_95"]) == (0.5, 0.5)
    assert [(item["ap50_a"], item["ap50_b"]) for item in report["classes"]] == [(1, 1), (1, 0)]
    assert "labels: 2 classes, named by the models" in run.err


def test_measured_accuracy_is_in_the_tables(compare: Compare) -> None:
    write_labels()

    models, objects, *_ = compare("A", "B", "photos", "--labels", "labels").out.split("\n\n")

    assert models.splitlines()[1].split("\t")[-2:] == ["1.0000", "1.0000"]
    assert objects.splitlines()[0].endswith("\tAP@0.5 A\tAP@0.5 B")
    assert objects.splitlines()[-1].split("\t")[-2:] == ["1.0000", "1.0000"]


@pytest.mark.parametrize("place", ["option", "yaml", "mapping", "beside", "above"])
def test_labels_with_other_numbers_are_named_by_a_file(place: str, compare: Compare) -> None:
    write_labels("data/labels", red=2, green=0)
    options: tuple[object, ...] = ()
    if place == "option":
        options = "--names", write("own.names", b"green\nblue\nred\n")
    elif place == "yaml":
        options = "--names", write("data.yaml", b"path: .\nnames: [green, blue, red]\n")
    elif place == "mapping":
        options = "--names", write("data.yml", b"names:\n  0: green\n  1: blue\n  2: red\n")
    else:
        folder = "data/labels" if place == "beside" else "data"
        write(f"{folder}/classes.txt", b"green\nblue\nred\n")

    report = document(compare("A", "B", "photos", "--labels", "data/labels", *options, "--json"))

    assert report["a"]["map50"] == report["b"]["map50"] == 1


def test_labels_that_nothing_names_are_refused(compare: Compare) -> None:
    write_labels()
    (Path("B") / "colours.names").write_text("green\nred\n")

    run = compare("A", "B", "photos", "--labels", "labels")

    assert (run.code, run.out) == (2, "")
    assert "--names FILE" in run.err
    assert "labels/classes.txt" in run.err


def test_a_class_that_a_model_lacks_counts_as_not_found(compare: Compare) -> None:
    write_labels()
    (Path("B") / "colours.names").write_text("red\nblue\n")
    names = write("own.names", b"red\ngreen\n")

    report = document(compare("A", "B", "photos", "--labels", "labels", "--names", names, "--json"))

    by_label = {item["label"]: item for item in report["classes"]}
    assert (by_label["green"]["ap50_a"], by_label["green"]["ap50_b"]) == (1, None)
    assert (report["a"]["map50"], report["b"]["map50"]) == (1, 0.5)


def test_labelled_objects_that_no_model_can_find_are_left_out_and_counted(
    compare: Compare,
) -> None:
    write_labels(green=2)
    names = write("own.names", b"red\ngreen\nblue\n")

    run = compare("A", "B", "photos", "--labels", "labels", "--names", names, "--json")

    assert document(run)["a"]["map50"] == 1
    assert "1 labelled objects are left out, as neither model has their class: blue" in run.err


def test_only_the_wanted_classes_are_measured(
    compare: Compare, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_labels()
    monkeypatch.setenv("CLASSES", "red")

    report = document(compare("A", "B", "photos", "--labels", "labels", "--json"))

    assert report["a"]["map50"] == 1
    assert [item["label"] for item in report["classes"]] == ["red"]


def test_pictures_without_labels_have_no_objects_and_are_counted(compare: Compare) -> None:
    write_labels()
    Path("labels/both.txt").unlink()

    run = compare("A", "B", "photos", "--labels", "labels", "--json")

    # Its red object, which comes first, is now found where there is none
    assert document(run)["a"]["map50"] == 0.5
    assert "1 pictures have no file of labels, such as photos/both.png" in run.err


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0 0.5 0.5 0.1", "line 2 has 4 numbers; it must have 5"),
        ("0 0.5 0.5 0.1 0.1 0.9", "line 2 has 6 numbers; it must have 5"),
        ("red 0.5 0.5 0.1 0.1", "line 2: 'red 0.5 0.5 0.1 0.1' is not a line of numbers"),
        ("0.5 0.5 0.5 0.1 0.1", "the class is 0.5; it must be a whole number"),
        ("nan 0.5 0.5 0.1 0.1", "the class is nan; it must be a whole number"),
        ("7 0.5 0.5 0.1 0.1", "has the class 7; the models names 2, from 0 to 1"),
        ("-1 0.5 0.5 0.1 0.1", "has the class -1"),
        ("0 32 32 8 8", "must be parts of the picture's width and height, from 0 to 1"),
        ("0 0.5 nan 0.1 0.1", "must be parts of the picture's width and height, from 0 to 1"),
        ("0 0.5 0.5 0 0.1", "the box is empty"),
    ],
)
def test_a_label_that_cannot_be_read_is_refused_by_line(
    line: str, message: str, compare: Compare
) -> None:
    write_labels()
    write("labels/both.txt", f"0 0.5 0.5 0.1 0.1\n{line}\n".encode())

    run = compare("A", "B", "photos", "--labels", "labels")

    assert (run.code, run.out) == (2, "")
    assert "labels/both.txt, line 2" in run.err
    assert message in run.err


def test_labels_may_come_from_windows(compare: Compare) -> None:
    write_labels()
    text = Path("labels/both.txt").read_text().replace("\n", "\r\n")
    write("labels/both.txt", b"\xef\xbb\xbf" + text.encode())

    report = document(compare("A", "B", "photos", "--labels", "labels", "--json"))

    assert report["a"]["map50"] == 1


def test_an_outline_counts_as_the_box_around_it(compare: Compare) -> None:
    write_labels()
    left, top, right, bottom = (edge * CELL / SIZE for edge in (1, 1, 2, 2))
    middle = (left + right) / 2
    outline = f"0 {middle} {top} {right} {bottom} {left} {bottom}\n"
    write("labels/deep/red.txt", outline.encode())

    report = document(compare("A", "B", "photos", "--labels", "labels", "--json"))

    assert report["a"]["map50_95"] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--names", "A/colours.names"], "give the labels with --labels DIR"),
        (["--labels", "nowhere"], "nowhere: there is no such folder of labels"),
        (["--labels", "A"], "A has no labels of these pictures; those of photos/both.png would be"),
        (["--labels", "empty"], "there is no object in these labels"),
        (["--labels", "labels", "--names", "nowhere"], "nowhere cannot be read: No such file"),
        (["--labels", "labels", "--names", "other"], "neither model has one of these classes: cat"),
        (["--most", "0"], "--most 0: it must be from 1 to 100"),
        (["--sheet", "a.jpg"], "its name must end in .png"),
        (["--sheet", "nowhere/a.png"], "there is no folder nowhere"),
        (["--sheet", "mine.png"], "mine.png exists, and is no sheet of this command"),
        (["--confidence", "2"], "CONFIDENCE=2.0 cannot work"),
    ],
)
def test_wrong_usage_is_refused_before_any_picture_is_read(
    arguments: list[str], message: str, compare: Compare
) -> None:
    write_labels()
    write("empty/both.txt", b"")
    write("other", b"cat\n")
    write("mine.png", image())

    run = compare("A", "B", "photos", *arguments)

    assert (run.code, run.out) == (2, "")
    assert message in run.err
    assert Path("mine.png").read_bytes() == image()


def test_two_pictures_with_one_file_of_labels_are_refused(compare: Compare) -> None:
    write_labels()
    write("photos/both.jpg", image(".jpg"))

    run = compare("A", "B", "photos", "--labels", "labels")

    assert run.code == 2
    assert "would both have the labels labels/both.txt" in run.err


def test_without_pycocotools_the_user_is_told_how_to_get_it(
    compare: Compare, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_labels()
    monkeypatch.setitem(sys.modules, "pycocotools", None)

    assert compare().code == 0
    run = compare("A", "B", "photos", "--labels", "labels")

    assert run.code == 2
    assert "pip install pycocotools" in run.err


def test_the_sheet_shows_the_pictures_that_differ_side_by_side(compare: Compare) -> None:
    change(Path("B"), objectness=[20, -20, -40])

    run = compare("A", "B", "photos", "--sheet", "sheet.png", "--json")

    assert document(run)["sheet"] == "sheet.png"
    sheet = cv2.imread("sheet.png")
    assert sheet is not None
    middle = sheet.shape[1] // 2
    left, right = sheet[:, :middle].astype(int), sheet[:, middle:].astype(int)

    def counts(half: np.ndarray) -> int:
        """How many pixels have a box's or a label's colour that only green objects have."""
        return int((np.abs(half - label_colour).max(axis=2) < 8).sum())

    from modules.object_detection.annotate import class_colour

    label_colour = np.array(class_colour("green"))
    assert counts(left) > 100
    assert counts(right) == 0
    assert run.err.count("\n") < 5


def test_the_sheet_of_an_earlier_run_is_replaced(compare: Compare) -> None:
    assert compare("A", "B", "photos", "--sheet", "sheet.png").code == 0
    before = Path("sheet.png").read_bytes()
    change(Path("B"), objectness=[20, -20, -40])

    assert compare("A", "B", "photos", "--sheet", "sheet.png").code == 0

    assert Path("sheet.png").read_bytes() != before
    write("mine.png", image())
    assert compare("A", "B", "photos", "--sheet", "mine.png", "--overwrite").code == 0
    assert Path("mine.png").read_bytes() == Path("sheet.png").read_bytes()


def test_the_sheet_shows_no_more_pictures_than_asked_for(compare: Compare) -> None:
    change(Path("B"), wider=1.6)

    compare("A", "B", "photos", "--sheet", "two.png")
    run = compare("A", "B", "photos", "--sheet", "one.png", "--most", "1")

    heights = [cv2.imread(name).shape[0] for name in ("two.png", "one.png")]
    assert heights[0] > heights[1] + 600
    assert run.out.count("photos/") == 1


def test_names_of_every_script_are_drawn(compare: Compare) -> None:
    for model in ("A", "B"):
        (Path(model) / "colours.names").write_text("تفاحة\n犬🍎\n")
    change(Path("B"), objectness=[20, -20, -40])
    shutil.move("photos/both.png", f"photos/{'ü犬🍎' * 20}\n.png")

    assert compare("A", "B", "photos", "--sheet", "sheet.png").code == 0
    assert cv2.imread("sheet.png") is not None


def test_the_accuracy_of_real_models_is_that_of_make_accuracy(
    shared: Callable[[str], Path], compare: Compare, tmp_path: Path
) -> None:
    from benchmarks.accuracy import Method, detect, read_truth
    from modules.models.folder import LocalFolder
    from modules.models.loader import load_model
    from modules.object_detection.images import decode_image
    from modules.settings import Settings

    folder = tmp_path / "real"
    folder.mkdir()
    for path in sorted(shared("coco128/images").glob("*.jpg"))[:6]:
        shutil.copy(path, folder)
    models = [shared(f"models/{name}") for name in ("yolo-fastest-1.1", "yolo-fastest-1.1-xl")]
    labels = shared("coco128/labels")

    report = document(compare(*models, folder, "--labels", labels, "--json"))

    without = document(compare(*models, folder, "--json"))
    assert report["differing"] == without["differing"] != []
    images = {
        path.name: decode_image(path.read_bytes(), max_pixels=10**8)
        for path in sorted(folder.iterdir())
    }
    method = Method(Settings.nms, multi_label=False)
    for path, side in zip(models, ("a", "b"), strict=True):
        model = load_model(LocalFolder(path), Settings())
        rows = {name: detect(model, image, method) for name, image in images.items()}
        expected = measure(read_truth(images, labels, len(model.labels)), rows)
        assert report[side]["map50"] == round(expected.map50, 4) > 0.2
        assert report[side]["map50_95"] == round(expected.map50_95, 4)
