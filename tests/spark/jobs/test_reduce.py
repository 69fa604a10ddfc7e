import csv
import io
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from numpy.typing import NDArray
from pyspark.sql import SparkSession
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from tests.spark.conftest import Batch, rows


def write_table(folder: Path, features: NDArray[np.floating], files: int = 3) -> Path:
    """Writes a table like `featurize`, with one more row for a bad image."""
    folder.mkdir()
    for number, part in enumerate(np.array_split(np.arange(len(features)), files)):
        columns = {
            "path": [f"file:/x/{index:05}.jpg" for index in part],
            "error": pa.array([None] * len(part), pa.string()),
            "label": ["even" if index % 2 == 0 else "odd" for index in part],
            "features": pa.array(list(features[part].astype(np.float32))),
        }
        pyarrow.parquet.write_table(pa.table(columns), folder / f"part-{number}.parquet")
    broken = {"path": ["file:/x/broken.jpg"], "error": ["corrupt"], "label": ["odd"]}
    table = pa.table({**broken, "features": pa.array([None], pa.list_(pa.float32()))})
    pyarrow.parquet.write_table(table, folder / "part-broken.parquet")
    return folder


def mixed(count: int, width: int, seed: int = 0) -> NDArray[np.float64]:
    """Returns correlated features with a decaying spectrum, `(count, width)` float64."""
    rng = np.random.default_rng(seed)
    factors = rng.standard_normal((count, 12)) * 0.7 ** np.arange(12)
    return factors @ rng.standard_normal((12, width)) + 0.05 * rng.standard_normal((count, width))


def read_scores(folder: Path, components: int) -> NDArray[np.float64]:
    """Reads the scores from scores.csv, sorted by path."""
    table = sorted(
        csv.DictReader(io.StringIO((folder / "scores.csv").read_text())),
        key=lambda row: row["path"],
    )
    return np.array([[float(row[f"pca_{i + 1}"]) for i in range(components)] for row in table])


@dataclass(frozen=True)
class Run:
    """One run of the job, for tests that only read: all features, its table and its output."""

    features: NDArray[np.float64]
    table: Path
    out: Path


@pytest.fixture(scope="module")
def finished(batch: Batch, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that finds 3 components of the first 100 of 150 rows with 30 features."""
    folder = tmp_path_factory.mktemp("reduce")
    features = mixed(150, 30)
    table = write_table(folder / "features", features[:100])
    batch("reduce", table, "--pca", 3, "--output", folder / "out")
    return Run(features, table, folder / "out")


@pytest.mark.parametrize("method", ["auto", "rows", "covariance", "krylov"])
def test_scores_are_those_of_scikit_learn(
    method: str, batch: Batch, spark: SparkSession, tmp_path: Path
) -> None:
    features = mixed(200, 60).astype(np.float32)
    table = write_table(tmp_path / "features", features)

    code = batch(
        *("reduce", table, "--pca", 4, "--method", method, "--output", tmp_path / "out"),
    )

    standardised = StandardScaler().fit_transform(features.astype(np.float64))
    oracle = PCA(4, svd_solver="full").fit(standardised)
    expected = oracle.transform(standardised)
    found = read_scores(tmp_path / "out", 4)
    assert code == 0
    signs = np.sign((found * expected).sum(axis=0))  # scikit-learn has another rule for signs
    np.testing.assert_allclose(found * signs, expected, atol=1e-5)
    fitted = np.load(tmp_path / "out" / "pca.npz", allow_pickle=False)
    np.testing.assert_allclose(fitted["explained_variance"], oracle.explained_variance_, rtol=1e-6)
    assert len(rows(spark, tmp_path / "out" / "scores")) == 200  # without the bad image


def test_spark_ml_finds_the_same_directions(batch: Batch, finished: Run, tmp_path: Path) -> None:
    code = batch("reduce", finished.table, "--pca", 3, "--method", "spark", "--output", tmp_path)

    ours, sparks = (np.load(folder / "pca.npz") for folder in (finished.out, tmp_path))
    assert code == 0
    cosines = np.abs((ours["components"] * sparks["components"]).sum(axis=1))
    np.testing.assert_allclose(cosines, 1, atol=1e-9)


def test_apply_computes_the_scores_of_other_images(
    batch: Batch, finished: Run, tmp_path: Path
) -> None:
    others = finished.features[100:]
    table = write_table(tmp_path / "others", others)

    code = batch(
        "reduce", table, "--apply", finished.out / "pca.npz", "--output", tmp_path / "applied"
    )

    fitted = np.load(finished.out / "pca.npz")
    standardised = (others.astype(np.float32) - fitted["mean"]) / fitted["scale"]
    assert code == 0
    np.testing.assert_allclose(
        read_scores(tmp_path / "applied", 3), standardised @ fitted["components"].T, atol=1e-9
    )


def test_a_column_that_is_not_finite_is_refused_by_name(
    batch: Batch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    features = mixed(50, 10)
    features[7, 3] = np.nan
    table = write_table(tmp_path / "features", features)

    code = batch("reduce", table, "--pca", 2, "--output", tmp_path / "out")

    assert code == 2
    assert "features[3]" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_components_for_another_number_of_columns_are_refused(
    batch: Batch, finished: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = write_table(tmp_path / "features", mixed(50, 31))

    code = batch(
        "reduce", table, "--apply", finished.out / "pca.npz", "--output", tmp_path / "applied"
    )

    assert code == 2
    assert "has components for 30 columns, but" in (printed := capsys.readouterr().err)
    assert "has 31. Were its features made by another network" in printed


def test_an_input_that_is_no_table_of_features_is_an_error(
    batch: Batch, spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spark.range(3).write.parquet(str(tmp_path / "ids"))

    assert batch("reduce", tmp_path / "ids", "--pca", 2, "--output", tmp_path / "out") == 2
    assert "has no column features or pixels" in capsys.readouterr().err
    assert batch("reduce", tmp_path / "missing", "--pca", 2, "--output", tmp_path / "out") == 2
    assert "missing: there is no table of Parquet files" in capsys.readouterr().err


def test_krylov_is_reproducible_to_the_last_bit(batch: Batch, tmp_path: Path) -> None:
    table = write_table(tmp_path / "features", mixed(300, 40))

    for name in ("one", "other"):
        batch("reduce", table, "--pca", 3, "--method", "krylov", "--output", tmp_path / name)

    one, other = ((tmp_path / name / "pca.npz").read_bytes() for name in ("one", "other"))
    assert one == other


@pytest.mark.parametrize("name", ["explained_variance.png", "scatter.png"])
def test_both_plots_are_drawn(name: str, finished: Run) -> None:
    picture = cv2.imread(str(finished.out / name))

    assert picture.shape[0] > 300
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 10  # not blank


def test_workers_merge_the_summaries_of_many_cores(
    batch: Batch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = write_table(tmp_path / "features", mixed(300, 20))
    arguments = ("reduce", table, "--pca", 3, "--method", "covariance", "--output")
    batch(*arguments, tmp_path / "here")

    monkeypatch.setattr("modules.spark.io.feature_table._FAN_IN", 1.5)  # below the two cores
    batch(*arguments, tmp_path / "there")

    here, there = (np.load(tmp_path / name / "pca.npz") for name in ("here", "there"))
    np.testing.assert_allclose(here["components"], there["components"], atol=1e-12)
