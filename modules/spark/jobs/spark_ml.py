"""Runs Spark ML's own standardisation and PCA, for comparison; see `fit_by_spark`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..pca import PrincipalComponents

if TYPE_CHECKING:
    from ..io.feature_table import SparkTable


def fit_by_spark(table: SparkTable, k: int) -> PrincipalComponents:
    """Fits `StandardScaler` and `PCA` of pyspark.ml; returns k components.

    They divide by the sample's standard deviation where scikit-learn divides by the population's,
    so that variances are (rows - 1) / rows of ours.
    """
    from pyspark.ml.feature import PCA, StandardScaler
    from pyspark.ml.functions import array_to_vector

    column = table.table[table.vector_column]
    vectors = table.table.select(array_to_vector(column).alias("features"))
    scaler = StandardScaler(
        withMean=True, withStd=True, inputCol="features", outputCol="standardised"
    ).fit(vectors)
    fitted = PCA(k=k, inputCol="standardised", outputCol="scores").fit(scaler.transform(vectors))
    std = scaler.std.toArray()
    ratio = fitted.explainedVariance.toArray()
    return PrincipalComponents(
        mean=scaler.mean.toArray(),
        scale=np.where(std == 0, 1.0, std),
        components=fitted.pc.toArray().T,
        explained_variance=ratio * float(np.count_nonzero(std)),
        explained_variance_ratio=ratio,
        rows=table.rows,
        method="spark",
        reason="spark: asked for",
        passes=3,
    )
