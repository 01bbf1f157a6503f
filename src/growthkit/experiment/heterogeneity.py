"""Does the effect differ between segments? One test per metric, variant and segment column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .._core.corrections import CORRECTIONS
from .._core.params import Params
from .._core.results import Notice, Result
from ..exceptions import ParameterError
from ..typing import AnyArray, FloatArray, Int64Array
from ._special import special
from .corrections import adjust_p_values
from .readout import Readout

__all__ = ["Heterogeneity", "heterogeneity"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Heterogeneity(Result):
    """One row per metric, segment column and variant; made by `heterogeneity`.

    Parameters
    ----------
    metric, column, variant
        Labels of the rows.
    segments
        How many segments were compared.
    statistic, df, df_within
        Welch's F and its degrees of freedom.
    p_value, p_adjusted
        Of the hypothesis that the effect is the same in all segments; adjusted for the number of rows.
    spread
        Estimated standard deviation of the true effects, 0 where the segments differ no more than noise.
    scale
        "absolute" or "relative" effects.
    alpha
        The level of the readout, 1 - confidence, below which effects are called different.
    """

    _picture: ClassVar[str] = "experiment:draw_heterogeneity"

    metric: AnyArray
    column: AnyArray
    variant: AnyArray
    segments: Int64Array
    statistic: FloatArray
    df: FloatArray
    df_within: FloatArray
    p_value: FloatArray
    p_adjusted: FloatArray
    spread: FloatArray
    scale: str
    alpha: float

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """Rows without a test."""
        untested = int(np.isnan(self.p_value).sum())
        text = f"{untested} rows have fewer than two segments with an estimate, and no test."
        return (Notice("untested", text),) if untested else ()

    def columns(self) -> dict[str, AnyArray]:
        """Return the table as arrays by column name."""
        names = ("metric", "column", "variant", "segments", "statistic", "df", "df_within", "p_value", "p_adjusted")
        return {name: getattr(self, name) for name in (*names, "spread")}

    def facts(self) -> dict[str, Any]:
        """Return the scale, the number of tests and the smallest adjusted p-value."""
        known = self.p_adjusted[~np.isnan(self.p_adjusted)]
        smallest = float(known.min()) if known.size else np.nan
        return {"scale": self.scale, "tests": self.p_value.size, "smallest adjusted p": smallest}


def heterogeneity(readout: Readout, *, scale: str = "absolute", correction: str = "holm") -> Heterogeneity:
    """Test whether the effect is the same in all segments of a column.

    Parameters
    ----------
    readout
        From ``readout(..., segments=...)`` with one look (no sequential design).
    scale
        "absolute" compares differences, "relative" relative changes. The same change in per cent of different controls
        is no difference on the relative scale.
    correction
        "holm", "bonferroni", "hochberg", "bh", "by" or "none", over all rows.

    Returns
    -------
    Heterogeneity
        One row per metric, segment column and variant.

    Raises
    ------
    ParameterError
        If the readout has no segments or is sequential, or a parameter is out of range.

    Notes
    -----
    Welch's test [1]_ on the k effects d with standard errors s and w = 1 / s^2, W = sum w: with Q = sum w (d - mean)^2
    (Cochran's [2]_) and L = sum (1 - w / W)^2 / df, ``F = Q / (k - 1) / (1 + 2 (k - 2) L / (k^2 - 1))``, on k - 1 and
    (k^2 - 1) / (3 L) degrees of freedom. In large segments that is Q against chi-square. Effects of one segment column
    are independent; different columns are not. spread is the moment estimator ``sqrt(max(0, (Q - (k - 1)) / (W - sum
    w^2 / W)))``. O(rows of the readout).

    References
    ----------
    .. [1] Welch, B. L. (1951). On the comparison of several mean values: an alternative approach. Biometrika 38,
       330-336.
    .. [2] Cochran, W. G. (1954). The combination of estimates from different experiments. Biometrics 10(1), 101-129.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from growthkit.experiment.heterogeneity import heterogeneity
    >>> from growthkit.experiment.metrics import Metric
    >>> from growthkit.experiment.readout import readout
    >>> draws = np.random.default_rng(3)
    >>> log = pd.DataFrame({"variant": np.tile(["a", "b"], 2000), "device": np.repeat(["app", "web"], 2000)})
    >>> effect = (log["variant"] == "b") * np.where(log["device"] == "app", 1.0, 0.0)
    >>> log["spend"] = draws.normal(10, 3, 4000) + effect
    >>> result = readout(log, control="a", metrics=[Metric.mean("spend")], segments="device")
    >>> heterogeneity(result).to_frame()[["metric", "column", "segments", "p_value"]].round(4)
      metric  column  segments  p_value
    0  spend  device         2      0.0
    """
    params = Params("heterogeneity")
    params.one_of("scale", scale, ("absolute", "relative"))
    params.one_of("correction", correction, tuple(CORRECTIONS))
    if len(readout.segments) < 2 or readout.design:
        raise ParameterError(
            "heterogeneity: the readout has no segments, or is sequential; make it with segments=... and one look."
        )
    columns: list[str] = [name.split("=", 1)[0] for name in readout.segments[1:]]
    names = list(dict.fromkeys(columns))
    effects = readout.effects
    df: Any = effects.df
    d, s = (effects.effect, effects.error) if scale == "absolute" else (effects.relative, effects.relative_error)
    members = [np.array([1 + place for place, own in enumerate(columns) if own == name]) for name in names]
    tests: list[tuple[FloatArray, ...]] = [_welch(d[:, rows], s[:, rows], df[:, rows]) for rows in members]
    table = [np.stack(parts, axis=1).ravel() for parts in zip(*tests, strict=True)]
    labels = np.meshgrid(
        np.array(list(readout.metrics), dtype=object),
        np.array(names, dtype=object),
        np.fromiter(readout.variants, dtype=object, count=len(readout.variants)),
        indexing="ij",
    )
    metric, column, variant = (part.ravel() for part in labels)
    n, statistic, df, within, p_value, spread = table
    adjusted = adjust_p_values(p_value, method=correction)
    whole = n.astype(np.int64)
    return Heterogeneity(
        readout.backend,
        metric,
        column,
        variant,
        whole,
        statistic,
        df,
        within,
        p_value,
        adjusted,
        spread,
        scale,
        1.0 - readout.confidence,
    )


def _welch(d: FloatArray, s: FloatArray, df: FloatArray) -> tuple[FloatArray, ...]:
    """Return k, F, both degrees of freedom, p and spread, over the middle axis (segments)."""
    known = np.isfinite(d) & np.isfinite(s) & (s > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        w = np.where(known, 1.0 / s**2, 0.0)
        k, total = known.sum(axis=1).astype(np.float64), w.sum(axis=1)
        mean = np.where(known, w * d, 0.0).sum(axis=1) / total
        q = np.where(known, w * (d - mean[:, None]) ** 2, 0.0).sum(axis=1)
        unsure = np.where(known, (1 - w / total[:, None]) ** 2 / df, 0.0).sum(axis=1)
        statistic = q / (k - 1) / (1 + 2 * (k - 2) * unsure / (k**2 - 1))
        within = np.minimum((k**2 - 1) / (3 * unsure), 1e15)
        tail: FloatArray = np.asarray(special.fdtrc(np.maximum(k - 1, 1), within, statistic), dtype=np.float64)
        p_value = np.where(k > 1, tail, np.nan)
        spread = np.sqrt(np.maximum(0.0, (q - (k - 1)) / (total - (w**2).sum(axis=1) / total)))
    return k, np.where(k > 1, statistic, np.nan), k - 1, within, p_value, np.where(k > 1, spread, np.nan)
