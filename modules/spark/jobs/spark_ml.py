"""Spark ML's own standardisation and PCA, to compare with; see `fit_by_spark`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..pca import PrincipalComponents

if TYPE_CHECKING:
    from ..io.feature_table import SparkTable


def fit_by_spark(table: SparkTable, k: int) -> PrincipalComponents:
    """The components as `StandardScaler` and `PCA` of pyspark.ml find them.

    They divide by the sample's deviation where scikit-learn divides by the population's, so that
    variances are (rows - 1) / rows of ours.
    """
    from pyspark.ml.feature import PCA, StandardScaler
    from pyspark.ml.functions import array_to_vector

    vectors = table.table.select(array_to_vector(table.table[table.kind]).alias("features"))
    scaler = StandardScaler(
        withMean=True, withStd=True, inputCol="features", outputCol="standardised"
    ).fit(vectors)
    fitted = PCA(k=k, inputCol="standardised", outputCol="scores").fit(scaler.transform(vectors))
    deviation = scaler.std.toArray()
    ratio = fitted.explainedVariance.toArray()
    return PrincipalComponents(
        mean=scaler.mean.toArray(),
        scale=np.where(deviation == 0, 1.0, deviation),
        components=fitted.pc.toArray().T,
        explained_variance=ratio * float(np.count_nonzero(deviation)),
        explained_variance_ratio=ratio,
        rows=table.rows,
        method="spark",
        reason="spark: asked for",
        passes=3,
    )
