"""`CupacFeature`: a covariate made by a model, for metrics that no single past column predicts well."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._core.estimator import Estimator
from .._core.frames import Log, read_frame
from .._core.params import Params
from .._core.random import seed_from, stream
from ..exceptions import DataError
from ..typing import AnyArray, FloatArray, IntoFrame, RngLike

__all__ = ["CupacFeature"]


class CupacFeature(Estimator):
    """Predict a metric from columns known before the assignment, each unit by a model that has not seen it.

    The method is that of [1]_.

    The prediction is a covariate like any other: ``Metric.mean("revenue", covariate="cupac")``. Folds are cross-fitted,
    so that a unit's own outcome never enters its covariate [2]_, and the readout's interval stays honest.

    Parameters
    ----------
    features
        Columns known before the assignment, of finite numbers.
    target
        Column of the metric.
    unit
        Column of unit ids; folds are drawn by id, so that the order of rows changes nothing, and rows of one unit are
        in one fold. None: rows are units, in the order given.
    model
        Anything with scikit-learn's ``fit`` and ``predict``; a fresh clone is fitted per fold. None for
        ``HistGradientBoostingRegressor(random_state=0)``.
    n_folds
        From 2 to 100.
    rng
        Seed of the folds.

    Attributes
    ----------
    r_squared_ : float
        Squared correlation of prediction and target: the share of the variance that the covariate takes out.

    References
    ----------
    .. [1] Tang, Y., C. Huang, D. Kastelman and J. Bauman (2020). Control using predictions as covariates in switchback
       experiments. DoorDash.
    .. [2] Chernozhukov, V. et al. (2018). Double/debiased machine learning for treatment and structural parameters.
       Econometrics Journal 21(1), C1-C68.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from sklearn.linear_model import LinearRegression
    >>> from growthkit.experiment.adjustment import CupacFeature
    >>> draws = np.random.default_rng(0)
    >>> log = pd.DataFrame({"orders": draws.poisson(3, 400), "visits": draws.poisson(9, 400)})
    >>> log["spend"] = 5.0 * log["orders"] + log["visits"] + draws.normal(0, 3, 400)
    >>> cupac = CupacFeature(["orders", "visits"], target="spend", model=LinearRegression(), rng=1)
    >>> log["cupac"] = cupac.fit_predict(log)
    >>> round(cupac.r_squared_, 2)
    0.91
    """

    def __init__(
        self,
        features: Sequence[str],
        *,
        target: str,
        unit: str | None = None,
        model: Any = None,
        n_folds: int = 5,
        rng: RngLike = 0,
    ) -> None:
        self.features = features
        self.target = target
        self.unit = unit
        self.model = model
        self.n_folds = n_folds
        self.rng = rng

    def fit_predict(self, data: IntoFrame) -> FloatArray:
        """Return the cross-fitted prediction of each row, to be added to the frame as a column.

        Parameters
        ----------
        data
            One row per unit (or several), all arms together.

        Returns
        -------
        ndarray of float64
            One prediction a row. O(n_folds) fits.

        Raises
        ------
        DataError
            For missing columns, NaN, or fewer units than two folds need.
        ParameterError
            For parameters out of range, or a target among the features.
        """
        params = Params("CupacFeature.fit_predict")
        n_folds = params.whole("n_folds", self.n_folds, low=2, high=100)
        names = tuple(self.features) if not isinstance(self.features, str) else ()
        if not names or self.target in names:
            params.refuse(
                "features", "a list of columns known before the assignment, without the target", self.features
            )
        log = read_frame(data, function=params.function)
        known = np.column_stack([log.measures(name, role="features") for name in names])
        target = log.measures(self.target, role="target")
        folds = self._folds(log, n_folds)
        predicted = np.empty(target.size)
        for fold in range(n_folds):
            held = folds == fold
            predicted[held] = self._fitted(known[~held], target[~held]).predict(known[held])
        spread = float(np.std(predicted) * np.std(target))
        centred = (predicted - predicted.mean()) @ (target - target.mean()) / target.size
        self.r_squared_ = (float(centred) / spread) ** 2 if spread > 0 else 0.0
        return predicted

    def _folds(self, log: Log, n_folds: int) -> AnyArray:
        codes = np.arange(log.n_rows) if self.unit is None else log.ids(self.unit, role="unit").codes
        n_units = int(codes.max()) + 1
        if n_units < 2 * n_folds:
            raise DataError(
                f"{log.function}: {n_units} units are too few for {n_folds} folds; "
                f"pass at least {2 * n_folds} or fewer folds."
            )
        seed = seed_from(self.rng, function=log.function)
        return stream(seed, 0).permutation(np.arange(n_units) % n_folds)[codes]

    def _fitted(self, known: FloatArray, target: FloatArray) -> Any:
        from sklearn import base, ensemble

        fresh: Any = ensemble.HistGradientBoostingRegressor(random_state=0)
        if self.model is not None:
            clone: Any = base.clone  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
            fresh = clone(self.model)
        return fresh.fit(known, target)
