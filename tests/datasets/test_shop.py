"""The made-up shop: its logs agree with each other, and each planted fact is found by the right method."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, special, stats

from growthkit.datasets.shop import Shop, make_shop
from growthkit.exceptions import ParameterError

LOGS = ("orders", "lines", "events", "touches", "invites", "nps", "ratings")
FRAMES = ("customers", "products", "assignments", *LOGS)
DAY = pd.Timedelta(days=1)


@pytest.fixture(scope="module")
def shop() -> Shop:
    return make_shop(20_000, 365, rng=20)


@pytest.fixture(scope="module")
def messy() -> Shop:
    return make_shop(
        3_000,
        200,
        rng=20,
        seasonality=True,
        heavy_tails=True,
        zero_inflation=0.3,
        returns=0.1,
        late=0.05,
        duplicates=0.02,
    )


def begin(shop: Shop) -> pd.Series:
    """The moment from which a customer's lifetime counts: the first order."""
    return shop.orders.groupby("customer_id")["timestamp"].min()


def days_alive(shop: Shop) -> pd.Series:
    """Days from the first order to the dropout or the end of the log."""
    end = pd.Timestamp("2024-01-01") + 365 * DAY
    dropout = shop.truth.customers.set_index("customer_id")["dropout"].fillna(end)
    return (dropout - begin(shop)) / DAY


# --- the logs hang together -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["shop", "messy"])
class TestLogsAgree:
    @pytest.fixture
    def it(self, name, request) -> Shop:
        return request.getfixturevalue(name)

    def test_ids_refer_to_something(self, it):
        customers, items = it.customers["customer_id"], it.products["item_id"]
        assert customers.is_unique and items.is_unique
        for log in ("orders", "lines", "events", "touches", "assignments", "nps", "ratings"):
            assert getattr(it, log)["customer_id"].isin(customers).all(), log
        for log in ("lines", "events", "ratings"):
            assert getattr(it, log)["item_id"].dropna().isin(items).all(), log
        assert set(it.lines["basket_id"]) == set(it.orders["basket_id"])
        assert it.invites["inviter_id"].isin(customers).all()
        assert it.customers["inviter_id"].dropna().isin(customers).all()

    def test_ids_mean_the_same_customer(self, it):
        of_basket = it.orders.drop_duplicates().set_index("basket_id")["customer_id"]
        assert (it.lines["customer_id"].to_numpy() == of_basket[it.lines["basket_id"]].to_numpy()).all()
        assert it.events[["session_id", "customer_id"]].drop_duplicates()["session_id"].is_unique
        of_journey = it.truth.journeys.set_index("journey_id")["customer_id"]
        for log in (it.touches, it.orders):
            assert (log["customer_id"].to_numpy() == of_journey[log["journey_id"]].to_numpy()).all()

    def test_nobody_acts_before_joining_or_after_leaving(self, it):
        joined = it.customers.set_index("customer_id")["joined"]
        dropout = it.truth.customers.set_index("customer_id")["dropout"]
        days = len(it.truth.seasonality)
        end = pd.Timestamp("2024-01-01") + days * DAY
        for log in ("orders", "lines", "events", "touches", "nps", "ratings"):
            frame = getattr(it, log)
            who, when = frame["customer_id"].to_numpy(), frame["timestamp"].to_numpy()
            assert (when >= joined[who].to_numpy()).all(), log
            assert (when <= dropout.fillna(end)[who].to_numpy()).all(), log
            assert (when < np.datetime64(end)).all(), log
        who, when = it.invites["inviter_id"], it.invites["timestamp"].to_numpy()
        assert (when >= joined[who].to_numpy()).all()
        assert (when <= dropout.fillna(end)[who].to_numpy()).all()

    def test_invited_customers_join_when_they_accept(self, it):
        invites = it.invites.drop_duplicates()
        accepted = invites[invites["accepted"]].set_index("invitee_id")
        invited = it.customers.dropna(subset=["inviter_id"]).set_index("customer_id")
        assert set(accepted.index) == set(invited.index)
        assert (accepted["inviter_id"] == invited["inviter_id"].astype("int64").loc[accepted.index]).all()
        assert (accepted["accepted_timestamp"] == invited["joined"].loc[accepted.index]).all()
        assert (accepted["accepted_timestamp"] >= accepted["timestamp"]).all()
        refused = invites[~invites["accepted"]]
        assert refused["accepted_timestamp"].isna().all()
        assert refused["invitee_id"].is_unique
        assert not refused["invitee_id"].isin(it.customers["customer_id"]).any()
        assert (invited["channel"] == "referral").all()

    def test_lines_sum_to_orders(self, it):
        lines = it.lines.drop_duplicates()
        assert np.allclose(lines["value"], lines["quantity"] * lines["price"])
        bought = lines[lines["quantity"] > 0].groupby("basket_id")["value"].sum()
        assert np.allclose(bought, it.orders.drop_duplicates().set_index("basket_id")["value"][bought.index])
        full = lines.merge(it.products, on="item_id", suffixes=("", "_list"))
        assert (full["price"] <= full["price_list"] + 1e-9).all()

    def test_purchase_events_are_the_lines(self, it):
        key = ["customer_id", "timestamp", "item_id"]
        lines = it.lines.drop_duplicates()
        lines = lines.loc[lines["quantity"] > 0, key].astype({"item_id": "int64"})
        bought = it.events.drop_duplicates()
        bought = bought.loc[bought["event"] == "purchase", key].astype({"item_id": "int64"})
        pd.testing.assert_frame_equal(
            lines.sort_values(key, ignore_index=True), bought.sort_values(key, ignore_index=True)
        )

    def test_assignments_count_the_logs(self, it):
        trial = it.assignments
        start = trial["timestamp"].iloc[0]
        orders = it.orders.drop_duplicates()
        who = trial.loc[trial["experiment"] == "banner", "customer_id"]
        for prefix, low, high in (("pre_", start - 28 * DAY, start), ("", start, start + 28 * DAY)):
            inside = orders[(orders["timestamp"] >= low) & (orders["timestamp"] < high)].groupby("customer_id")["value"]
            mine = trial[trial["experiment"] == "banner"].set_index("customer_id")
            assert (mine[f"{prefix}orders"] == inside.size().reindex(who, fill_value=0)).all()
            assert np.allclose(mine[f"{prefix}revenue"], inside.sum().reindex(who, fill_value=0.0))
        assert (trial["converted"] == (trial["orders"] > 0)).all()
        assert not trial.duplicated(["customer_id", "experiment"]).any()


def test_clean_logs_are_sorted_and_have_no_duplicates(shop):
    for log in LOGS:
        frame = getattr(shop, log)
        assert frame["timestamp"].is_monotonic_increasing, log
        assert not frame.duplicated().any(), log
    assert shop.customers["joined"].is_monotonic_increasing
    assert (shop.lines["quantity"] > 0).all()
    assert shop.orders["basket_id"].is_unique


def test_events_of_a_session_follow_each_other(shop):
    rank = {"visit": 0, "search": 1, "view": 2, "like": 2, "dislike": 2, "cart": 3, "purchase": 4}
    events = shop.events.head(100_000)
    step = events["event"].astype(object).map(rank).groupby(events["session_id"]).diff().dropna()
    assert (step >= 0).all()
    no_item = events["event"].isin(["visit", "search"])
    assert (events["item_id"].isna() == no_item).all()


def test_products_form_a_tree(shop):
    products = shop.products
    for child, parent in (("category", "department"), ("type", "category")):
        assert products[[parent, child]].drop_duplicates()[child].is_unique
    assert products["price"].between(0.5, 30).all() and products["margin"].between(0, 1).all()
    assert all(b in t for b, t in zip(products["brand"], products["title"], strict=True))


# --- the planted facts are found --------------------------------------------------------------------------


def test_truth_names_every_segment_customer(shop):
    truth = shop.truth.customers
    share = truth["segment"].value_counts(normalize=True)
    planted = shop.truth.segments.set_index("segment")["share"]
    assert np.allclose(share[planted.index], planted, atol=0.015)
    mean = truth.groupby("segment", observed=True)[["purchase_rate", "mean_spend"]].mean()
    assert mean.loc["loyal_saver", "purchase_rate"] > 5 * mean.loc["occasional_saver", "purchase_rate"]
    assert mean.loc["loyal_splurger", "mean_spend"] > 1.5 * mean.loc["loyal_saver", "mean_spend"]


def test_segment_means_separate_in_the_logs(shop):
    segment = shop.truth.customers.set_index("customer_id")["segment"]
    orders = shop.orders.groupby("customer_id")["value"].agg(["size", "mean"])
    by_segment = orders.groupby(segment.reindex(orders.index), observed=True)
    mean, error = by_segment.mean(), by_segment.sem()
    loyal, occasional = mean.loc["loyal_saver", "size"], mean.loc["occasional_saver", "size"]
    assert loyal - occasional > 10 * np.hypot(*error.loc[["loyal_saver", "occasional_saver"], "size"])
    rich, thrifty = mean.loc["loyal_splurger", "mean"], mean.loc["loyal_saver", "mean"]
    assert rich - thrifty > 10 * np.hypot(*error.loc[["loyal_splurger", "loyal_saver"], "mean"])
    used = shop.orders["coupon"].notna().groupby(segment[shop.orders["customer_id"]].to_numpy(), observed=True).mean()
    planted = shop.truth.segments.set_index("segment")["coupon_rate"]
    assert np.allclose(used[planted.index], planted, atol=0.01)


def test_rates_and_lifetimes_follow_their_laws(shop):
    truth, planted = shop.truth.customers, shop.truth.purchase
    rate = stats.gamma(planted["r"], scale=1 / planted["alpha"])
    assert stats.kstest(truth["purchase_rate"], rate.cdf).pvalue > 0.001
    pareto = stats.lomax(planted["s"], scale=planted["beta"])  # an exponential with gamma-distributed rate
    assert stats.kstest(truth["lifetime"], pareto.cdf).pvalue > 0.001
    unit = stats.kstest(truth["lifetime"] * truth["dropout_rate"], "expon")
    assert unit.pvalue > 0.001


def test_repeat_orders_are_poisson_while_alive(shop):
    alive = days_alive(shop)
    trial = shop.assignments.query("experiment == 'delivery' and variant == 'free_delivery'")["customer_id"]
    truth = shop.truth.customers.set_index("customer_id")
    expected = (truth["purchase_rate"] * alive).drop(trial)
    repeats = (shop.orders.groupby("customer_id").size() - 1)[expected.index]
    assert abs(repeats.sum() - expected.sum()) < 4 * np.sqrt(expected.sum())
    many = expected > 1
    dispersion = ((repeats - expected)[many] ** 2 / expected[many]).mean()
    assert dispersion == pytest.approx(1, abs=0.08)


def test_dropout_comes_after_the_last_purchase(shop):
    last = shop.orders.groupby("customer_id")["timestamp"].max()
    dropout = shop.truth.customers.set_index("customer_id")["dropout"].dropna()
    assert (dropout >= last[dropout.index]).all()
    assert 0.3 < len(dropout) / len(shop.customers) < 0.7


def pareto_nbd_loss(log_parameters, x, recency, age):
    """Negative log-likelihood of Schmittlein, Morrison & Colombo, in the form for alpha < beta."""
    r, alpha, s, beta = np.exp(log_parameters)
    if alpha >= beta:
        return np.inf
    total = r + s + x

    def part(t):
        hyper = special.hyp2f1(total, r + x, total + 1, (beta - alpha) / (beta + t))
        return np.log(hyper) - total * np.log(beta + t)

    at_recency, at_age = part(recency), part(age)
    integral = at_recency + np.log(-np.expm1(np.minimum(at_age - at_recency, -1e-12)))
    alive = -(r + x) * np.log(alpha + age) - s * np.log(beta + age)
    both = np.logaddexp(alive, np.log(s / total) + integral)
    front = special.gammaln(r + x) - special.gammaln(r) + r * np.log(alpha) + s * np.log(beta)
    return -np.sum(front + both)


def test_pareto_nbd_likelihood_finds_its_parameters(shop):
    times = shop.orders.groupby("customer_id")["timestamp"].agg(["min", "max", "size"]).head(6_000)
    end = pd.Timestamp("2024-12-31")
    x = (times["size"] - 1).to_numpy()
    recency, age = ((times["max"] - times["min"]) / DAY).to_numpy(), ((end - times["min"]) / DAY).to_numpy()
    fit = optimize.minimize(
        pareto_nbd_loss, np.log([1, 20, 1, 200]), (x, recency, age), method="Nelder-Mead", options={"maxiter": 200}
    )
    r, alpha, s, beta = np.exp(fit.x)
    planted = shop.truth.purchase
    assert r == pytest.approx(planted["r"], rel=0.1)
    assert r / alpha == pytest.approx(planted["r"] / planted["alpha"], rel=0.1)
    lost_in_a_year = 1 - (beta / (beta + 365)) ** s
    assert lost_in_a_year == pytest.approx(1 - (300 / 665) ** 1.5, abs=0.05)


def gamma_gamma_loss(log_parameters, x, mean):
    """Negative log-likelihood of a customer's mean of x order values (Fader & Hardie 2013)."""
    p, q, gamma = np.exp(log_parameters)
    shape = p * x
    terms = special.gammaln(shape + q) - special.gammaln(shape) - special.gammaln(q)
    terms += q * np.log(gamma) + (shape - 1) * np.log(mean) + shape * np.log(x) - (shape + q) * np.log(gamma + x * mean)
    return -np.sum(terms)


def test_gamma_gamma_likelihood_finds_its_parameters(shop):
    per = shop.orders.groupby("customer_id")["value"].agg(["size", "mean"]).to_numpy().T
    fit = optimize.minimize(gamma_gamma_loss, np.log([3, 3, 10]), tuple(per), method="Nelder-Mead")
    p, q, gamma = np.exp(fit.x)
    planted = shop.truth.spend
    assert p == pytest.approx(planted["p"], rel=0.15)
    assert q == pytest.approx(planted["q"], rel=0.15)
    assert p * gamma / (q - 1) == pytest.approx(6.25 * 15.44 / 2.74, rel=0.03)


def test_mean_spend_is_what_customers_spend(shop):
    value = shop.orders.groupby("customer_id")["value"].agg(["size", "mean"]).query("size >= 10")
    planted = shop.truth.customers.set_index("customer_id")["mean_spend"][value.index]
    ratio = value["mean"] / planted
    assert ratio.mean() == pytest.approx(1, abs=0.02)
    assert np.corrcoef(np.log(value["mean"]), np.log(planted))[0, 1] > 0.9


def pair_counts(shop: Shop) -> tuple[np.ndarray, np.ndarray, int]:
    from scipy.sparse import coo_array

    n_orders, n_items = len(shop.orders), len(shop.products)
    where = (shop.lines["basket_id"].to_numpy() - 1, shop.lines["item_id"].to_numpy() - 1)
    baskets = coo_array((np.ones(len(shop.lines)), where), shape=(n_orders, n_items)).tocsr()
    pairs = (baskets.T @ baskets).toarray()
    single = np.diag(pairs).copy()
    np.fill_diagonal(pairs, 0)
    return pairs, single, n_orders


def test_bundles_have_the_highest_lift_of_all_pairs(shop):
    pairs, single, n_orders = pair_counts(shop)
    lift = np.where(pairs >= 20, pairs * n_orders / np.outer(single, single), 0)
    planted = shop.truth.bundles.merge(shop.truth.bundles, on="bundle_id").query("item_id_x < item_id_y")
    where = (planted["item_id_x"] - 1, planted["item_id_y"] - 1)
    best = np.sort(np.triu(lift).ravel())[-len(planted) :]
    assert np.array_equal(np.sort(lift[where]), best)
    assert lift[where] == pytest.approx(planted["pair_lift_x"].to_numpy(), rel=0.1)


def test_bundles_appear_as_often_as_planted(shop):
    n_orders = len(shop.orders)
    for _, bundle in shop.truth.bundles.groupby("bundle_id"):
        lines = shop.lines[shop.lines["item_id"].isin(bundle["item_id"])]
        full = lines.groupby("basket_id").size().eq(len(bundle)).sum()
        probability = bundle["probability"].iloc[0]
        # a pair also meets by chance, with probability 0.01 squared
        expected = n_orders * (probability + (1 - probability) * 0.01 ** len(bundle))
        assert abs(full - expected) < 4 * np.sqrt(expected)
        single = lines.groupby("item_id").size().to_numpy() / n_orders
        lift = full / n_orders / single.prod()
        assert lift == pytest.approx(bundle["lift"].iloc[0], rel=0.25)


def test_svd_of_views_finds_the_latent_tastes(shop):
    views = shop.events[shop.events["event"] == "view"]
    n, m = len(shop.customers), len(shop.products)
    counts = np.zeros((n, m))
    np.add.at(counts, (views["customer_id"].to_numpy() - 1, views["item_id"].to_numpy(dtype=int) - 1), 1)
    rows = counts.sum(axis=1) >= 30
    counts = counts[rows]
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
    residual = (counts - expected) / np.sqrt(expected)
    u, _, vt = np.linalg.svd(residual, full_matrices=False)
    factors = shop.truth.customer_tastes.shape[1]
    for found, planted in ((u, shop.truth.customer_tastes[rows]), (vt.T, shop.truth.item_tastes)):
        design = np.column_stack([np.ones(len(found)), found[:, :factors]])
        fitted = design @ np.linalg.lstsq(design, planted, rcond=None)[0]
        correlation = [np.corrcoef(fitted[:, k], planted[:, k])[0, 1] for k in range(factors)]
        assert min(correlation) > 0.6, correlation
        assert np.mean(correlation) > 0.75, correlation


def test_popular_items_sell_by_their_weight(shop):
    views = shop.events.loc[shop.events["event"] == "view", "item_id"].value_counts()
    ids = shop.products["item_id"].to_numpy()
    rank = stats.spearmanr(shop.truth.item_popularity, views.reindex(ids, fill_value=0)).statistic
    assert rank > 0.3  # tastes weigh in as well


def relative_affinity(shop: Shop, frame: pd.DataFrame) -> np.ndarray:
    items = shop.truth.item_tastes - shop.truth.item_tastes.mean(axis=0)
    customers = shop.truth.customer_tastes[frame["customer_id"].to_numpy() - 1]
    return np.einsum("ij,ij->i", customers, items[frame["item_id"].to_numpy(dtype=int) - 1])


def test_opinions_follow_tastes(shop):
    events = shop.events[shop.events["event"].isin(["view", "like", "dislike"])]
    mean = pd.Series(relative_affinity(shop, events)).groupby(events["event"].to_numpy(), observed=True).mean()
    assert mean["like"] > mean["view"] > mean["dislike"]
    taste = relative_affinity(shop, shop.ratings)
    assert stats.spearmanr(taste, shop.ratings["rating"]).statistic > 0.4
    assert set(shop.ratings["rating"]) == {1, 2, 3, 4, 5}
    assert not shop.ratings.duplicated(["customer_id", "item_id"]).any()


@pytest.mark.parametrize("variant", ["free_delivery", "gift_wrap"])
@pytest.mark.parametrize("metric", ["orders", "revenue", "sessions", "converted"])
def test_difference_of_means_covers_the_treatment_effect(shop, metric, variant):
    trial = shop.assignments[shop.assignments["experiment"] == "delivery"]
    arms = trial.groupby("variant", observed=True)[metric].agg(["mean", "sem"])
    difference = arms.loc[variant, "mean"] - arms.loc["control", "mean"]
    error = np.hypot(arms.loc[variant, "sem"], arms.loc["control", "sem"])
    effects = shop.truth.treatment_effects.set_index(["experiment", "variant", "metric"])
    planted = effects.loc[("delivery", variant, metric)]
    assert abs(difference - planted["absolute"]) < 2.6 * error
    assert abs(arms.loc["control", "mean"] - planted["control_value"]) < 3 * arms.loc["control", "sem"]
    assert planted["absolute"] == pytest.approx(planted["relative"] * planted["control_value"])


def test_free_delivery_is_found_and_the_others_are_null(shop):
    trial = shop.assignments

    def p_value(experiment, variant):
        mine = trial[trial["experiment"] == experiment].set_index("variant")["orders"]
        return stats.ttest_ind(mine[mine.index == variant], mine[mine.index == "control"]).pvalue

    effects = shop.truth.treatment_effects.set_index(["experiment", "variant", "metric"])["absolute"]
    assert p_value("delivery", "free_delivery") < 0.001 and effects["delivery", "free_delivery", "orders"] > 0
    assert p_value("delivery", "gift_wrap") > 0.001 and effects["delivery", "gift_wrap", "orders"] == 0
    assert p_value("banner", "new_banner") > 0.001 and effects["banner", "new_banner", "revenue"] == 0


def test_arms_are_of_equal_expected_size(shop):
    for _, trial in shop.assignments.groupby("experiment", observed=True):
        sizes = trial["variant"].value_counts()
        assert stats.chisquare(sizes[sizes > 0]).pvalue > 0.001


@pytest.mark.parametrize("metric", ["orders", "revenue", "sessions"])
def test_cuped_reduces_variance(shop, metric):
    trial = shop.assignments[shop.assignments["experiment"] == "delivery"]
    covariate, outcome = trial[f"pre_{metric}"], trial[metric]
    theta = np.cov(covariate, outcome)[0, 1] / covariate.var()
    assert (outcome - theta * covariate).var() < 0.9 * outcome.var()


def test_covariates_are_balanced_between_arms(shop):
    trial = shop.assignments[shop.assignments["experiment"] == "delivery"]
    arms = [arm["pre_orders"] for _, arm in trial.groupby("variant", observed=True)]
    assert stats.f_oneway(*arms).pvalue > 0.001


def test_acceptance_times_invites_is_k(shop):
    per_customer = len(shop.invites) / len(shop.customers)
    k = per_customer * shop.invites["accepted"].mean()
    assert k == pytest.approx(shop.truth.viral_coefficient, abs=0.02)
    accepted = shop.invites.groupby("channel", observed=True)["accepted"].agg(["mean", "size"])
    planted = shop.truth.invite_channels.set_index("channel")
    assert np.allclose(accepted["mean"][planted.index], planted["acceptance"], atol=0.02)
    assert np.allclose(accepted["size"][planted.index] / len(shop.invites), planted["share"], atol=0.02)
    assert planted["share"] @ planted["acceptance"] * 2.0 == pytest.approx(shop.truth.viral_coefficient)


def test_invite_rates_explain_invites(shop):
    sent = shop.invites.groupby("inviter_id").size().reindex(shop.customers["customer_id"], fill_value=0)
    rate = shop.truth.customers["invite_rate"].to_numpy()
    assert np.polyfit(rate, sent.to_numpy(), 1) == pytest.approx([1, 0], abs=0.05)


def fit_logit(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logistic regression by Newton's method: coefficients and standard errors."""
    weights = np.zeros(x.shape[1])
    for _ in range(12):
        p = special.expit(x @ weights)
        information = (x * (p * (1 - p))[:, None]).T @ x
        weights = weights + np.linalg.solve(information, x.T @ (y - p))
    return weights, np.sqrt(np.diag(np.linalg.inv(information)))


def test_logit_on_touches_finds_the_channel_effects(shop):
    effects = shop.truth.channel_effects
    touched = pd.crosstab(shop.touches["journey_id"], shop.touches["channel"])[effects["channel"].tolist()]
    converted = touched.index.isin(shop.orders["journey_id"])
    design = np.column_stack([np.ones(len(touched)), touched])
    found, error = fit_logit(design, converted.astype(float))
    planted = np.append(shop.truth.baseline_log_odds, effects["log_odds"])
    assert np.all(np.abs(found - planted)[1:] < 3.5 * error[1:])
    assert found[0] == pytest.approx(planted[0], abs=0.1)  # the experiment's extra orders raise it a little
    assert np.all(error < 0.03)
    assert np.all(touched.to_numpy() <= 1)


def test_journeys_are_what_orders_say(shop):
    journeys = shop.truth.journeys
    assert set(journeys.loc[journeys["converted"], "journey_id"]) == set(shop.orders["journey_id"])
    touches = shop.touches.groupby("journey_id").size().reindex(journeys["journey_id"], fill_value=0)
    assert (touches.to_numpy() == journeys["n_touches"]).all()
    last = shop.touches.groupby("journey_id")["timestamp"].max()
    decided = journeys.set_index("journey_id")["timestamp"]
    assert (last <= decided[last.index]).all()


def test_removal_effect_is_the_loss_without_a_channel(shop):
    effects = shop.truth.channel_effects
    rng = np.random.default_rng(1)
    touched = rng.random((200_000, len(effects))) < effects["exposure"].to_numpy()
    log_odds = touched * effects["log_odds"].to_numpy()
    total = shop.truth.baseline_log_odds + log_odds.sum(axis=1)
    without = special.expit(total[:, None] - log_odds).mean(axis=0)
    assert 1 - without / special.expit(total).mean() == pytest.approx(effects["removal_effect"].to_numpy(), abs=0.004)
    median = shop.touches.groupby("channel", observed=True)["cost"].median()
    assert np.allclose(median[effects["channel"]], effects["cost"], rtol=0.05)


def test_nps_by_segment(shop):
    segment = shop.truth.customers.set_index("customer_id")["segment"]
    score = shop.nps["score"]
    answer = 100 * ((score >= 9).astype(int) - (score <= 6).astype(int))
    by_segment = answer.groupby(segment[shop.nps["customer_id"]].to_numpy(), observed=True).agg(["mean", "sem"])
    planted = shop.truth.segments.set_index("segment")["nps"]
    assert (abs(by_segment["mean"] - planted[by_segment.index]) < 3.5 * by_segment["sem"]).all()
    assert score.between(0, 10).all()


# --- options ----------------------------------------------------------------------------------------------


def test_seasonality_shows_in_daily_orders():
    flat, wavy = make_shop(8_000, 730, rng=3), make_shop(8_000, 730, rng=3, seasonality=True)
    assert (flat.truth.seasonality["multiplier"] == 1).all()
    curve = wavy.truth.seasonality.set_index("date")["multiplier"]
    assert curve.mean() == pytest.approx(1)
    truth = wavy.truth.customers.set_index("customer_id")
    first, gone = begin(wavy).sort_values(), truth["dropout"]
    days = curve.index
    rate = truth["purchase_rate"]
    came = rate[first.index].cumsum().to_numpy()
    left = rate[gone.dropna().sort_values().index].cumsum().to_numpy()
    in_rate = np.append(0, came)[np.searchsorted(first.to_numpy(), days.to_numpy())]
    out_rate = np.append(0, left)[np.searchsorted(gone.dropna().sort_values().to_numpy(), days.to_numpy())]
    repeats = wavy.orders[wavy.orders["timestamp"].to_numpy() > first[wavy.orders["customer_id"]].to_numpy()]
    daily = repeats["timestamp"].dt.floor("D").value_counts().reindex(days, fill_value=0)
    index = (daily / (in_rate - out_rate))[60:]
    assert np.corrcoef(index, curve[60:])[0, 1] > 0.85
    by_weekday = index.groupby(index.index.day_of_week).mean()
    assert by_weekday[5] / by_weekday[0] == pytest.approx(1.25 / 0.85, rel=0.1)


def test_heavy_tails_keep_the_mean_and_stretch_the_tail(shop):
    heavy = make_shop(20_000, 365, rng=20, heavy_tails=True)
    assert heavy.truth.spend["sigma"] == 1.5
    spend = heavy.truth.customers.set_index("customer_id")["mean_spend"]
    relative = np.log(heavy.orders["value"] / spend[heavy.orders["customer_id"]].to_numpy())
    for sigmas in (1, 2):  # the upper tail, where whole quantities hardly matter
        beyond = (relative > 1.5 * sigmas - 1.5**2 / 2).mean()
        assert beyond == pytest.approx(stats.norm.sf(sigmas), rel=0.05)
    assert np.mean(np.exp(relative)) == pytest.approx(1, abs=0.06)
    assert stats.kurtosis(heavy.orders["value"]) > 5 * stats.kurtosis(shop.orders["value"])
    pd.testing.assert_series_equal(heavy.orders["timestamp"], shop.orders["timestamp"])


def test_zero_inflation_is_the_share_that_never_buys(messy):
    never = ~messy.customers["customer_id"].isin(messy.orders["customer_id"])
    assert (never.to_numpy() == ~messy.truth.customers["buyer"]).all()
    assert never.mean() == pytest.approx(0.3, abs=0.03)
    assert (messy.truth.customers.loc[never.to_numpy(), "purchase_rate"] == 0).all()


def test_returns_are_lines_taken_back():
    clean, shop = make_shop(2_000, 200, rng=4), make_shop(2_000, 200, rng=4, returns=0.1)
    back = shop.lines[shop.lines["quantity"] < 0]
    assert len(back) / (len(shop.lines) - len(back)) == pytest.approx(0.1, abs=0.01)
    key = ["basket_id", "item_id"]
    bought = shop.lines[shop.lines["quantity"] > 0]
    pair = back.merge(bought, on=key, suffixes=("", "_bought"), validate="one_to_one")
    assert len(pair) == len(back)
    assert (pair["quantity"] == -pair["quantity_bought"]).all() and (pair["value"] == -pair["value_bought"]).all()
    assert (pair["timestamp"] >= pair["timestamp_bought"]).all()
    pd.testing.assert_frame_equal(bought.reset_index(drop=True), clean.lines)
    for log in set(FRAMES) - {"lines"}:
        pd.testing.assert_frame_equal(getattr(shop, log), getattr(clean, log))


def test_late_rows_are_the_same_rows_in_another_order():
    clean, shop = make_shop(2_000, 200, rng=4), make_shop(2_000, 200, rng=4, late=0.05)
    for log in LOGS:
        frame, sorted_frame = getattr(shop, log), getattr(clean, log)
        assert not frame["timestamp"].is_monotonic_increasing, log
        every = list(frame.columns)
        pd.testing.assert_frame_equal(
            frame.sort_values(every, ignore_index=True), sorted_frame.sort_values(every, ignore_index=True)
        )
    moved = (shop.orders["timestamp"] < shop.orders["timestamp"].cummax()).mean()
    assert 0.03 < moved <= 0.05 * 1.2


def test_duplicates_are_exact_and_removable():
    clean, shop = make_shop(2_000, 200, rng=4), make_shop(2_000, 200, rng=4, duplicates=0.05)
    for log in LOGS:
        frame = getattr(shop, log)
        assert 0.03 < frame.duplicated().mean() < 0.07, log
        pd.testing.assert_frame_equal(frame.drop_duplicates(ignore_index=True), getattr(clean, log))


# --- the call itself --------------------------------------------------------------------------------------


def assert_equal_shops(one: Shop, two: Shop) -> None:
    for name in FRAMES:
        pd.testing.assert_frame_equal(getattr(one, name), getattr(two, name), check_exact=True)
    for field in dataclasses.fields(one.truth):
        a, b = getattr(one.truth, field.name), getattr(two.truth, field.name)
        if isinstance(a, pd.DataFrame):
            pd.testing.assert_frame_equal(a, b, check_exact=True)
        else:
            assert np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b


def test_same_seed_same_shop():
    assert_equal_shops(make_shop(300, 100, rng=5), make_shop(300, 100, rng=5))
    assert_equal_shops(
        make_shop(300, 100, rng=np.random.default_rng(5)), make_shop(300, 100, rng=np.random.default_rng(5))
    )
    generator = np.random.default_rng(5)
    one, two = make_shop(300, 100, rng=generator), make_shop(300, 100, rng=generator)
    assert not one.orders.equals(two.orders)
    assert not make_shop(300, 100, rng=None).orders.equals(one.orders)


def test_global_random_state_is_left_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002 (this is the state that must not move)
    make_shop(50, 60)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


@settings(max_examples=40, deadline=None)
@given(
    n_customers=st.integers(1, 40),
    days=st.integers(1, 90),
    n_items=st.integers(20, 60),
    n_factors=st.integers(1, 5),
    seed=st.integers(0, 2**64),
    shares=st.tuples(*[st.sampled_from([0.0, 0.1, 0.9])] * 4),
    flags=st.tuples(st.booleans(), st.booleans()),
)
def test_any_size_works_and_keeps_its_columns(n_customers, days, n_items, n_factors, seed, shares, flags):
    options = dict(zip(("zero_inflation", "returns", "late", "duplicates"), shares, strict=True))
    options |= dict(zip(("seasonality", "heavy_tails"), flags, strict=True))
    shop = make_shop(n_customers, days, rng=seed, n_items=n_items, n_factors=n_factors, **options)
    assert len(shop.customers) == n_customers and len(shop.products) == n_items
    usual = make_shop(30, 30)
    for name in FRAMES:
        assert list(getattr(shop, name).columns) == list(getattr(usual, name).columns)
        assert (getattr(shop, name).dtypes.astype(str) == getattr(usual, name).dtypes.astype(str)).all(), name
    assert shop.truth.customer_tastes.shape == (n_customers, n_factors)
    assert shop.truth.item_tastes.shape == (n_items, n_factors)
    assert len(shop.truth.seasonality) == days


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"days": 0}, "days must be a whole number"),
        ({"days": 1.5}, "days must be a whole number"),
        ({"days": 36_501}, "days must be a whole number"),
        ({"n_customers": 0}, "n_customers must be a whole number"),
        ({"n_customers": True}, "n_customers must be a whole number"),
        ({"n_items": 19}, "n_items must be a whole number"),
        ({"n_factors": 0}, "n_factors must be a whole number"),
        ({"late": 1.0}, "late must be a finite number"),
        ({"duplicates": -0.1}, "duplicates must be a finite number"),
        ({"returns": float("nan")}, "returns must be a finite number"),
        ({"zero_inflation": "0.1"}, "zero_inflation must be a finite number"),
        ({"seasonality": 1}, "seasonality must be True or False"),
        ({"heavy_tails": None}, "heavy_tails must be True or False"),
        ({"start": "soon"}, "start must be a date without a time zone"),
        ({"start": "2024-01-01T00:00+01:00"}, "start must be a date without a time zone"),
        ({"start": pd.NaT}, "start must be a date without a time zone"),
        ({"start": np.datetime64("NaT", "s")}, "start must be a date without a time zone"),
        ({"start": 2024}, "start must be a date without a time zone"),
        ({"rng": -1}, "rng must be"),
        ({"rng": "seed"}, "rng must be"),
    ],
)
def test_bad_parameters_are_refused(options, message):
    with pytest.raises(ParameterError) as caught:
        make_shop(**{"n_customers": 10, "days": 10} | options)
    assert str(caught.value).startswith(f"make_shop: {message}")
    assert str(caught.value).endswith(f", got {next(iter(options.values()))!r}.")


def test_a_refused_call_does_not_advance_the_generator():
    used, fresh = np.random.default_rng(1), np.random.default_rng(1)
    with pytest.raises(ParameterError):
        make_shop(0, rng=used)
    assert used.random() == fresh.random()


@pytest.mark.parametrize(
    "start",
    [
        "2023-03-05",
        pd.Timestamp("2023-03-05"),
        np.datetime64("2023-03-05"),
        pd.Timestamp("2023-03-05").date(),
        pd.Timestamp("2023-03-05 00:00:00.25"),
    ],
)
def test_start_takes_any_date(start):
    shop = make_shop(50, 20, start=start)
    assert shop.truth.seasonality["date"].iloc[0] == pd.Timestamp("2023-03-05")
    assert shop.customers["joined"].between("2023-03-05", "2023-03-25").all()


def test_start_moves_the_dates_only():
    early, late = make_shop(50, 60), make_shop(50, 60, start="2024-03-01")
    assert (late.orders["timestamp"] - early.orders["timestamp"] == 60 * DAY).all()
    pd.testing.assert_frame_equal(early.orders.drop(columns="timestamp"), late.orders.drop(columns="timestamp"))


def test_shop_is_frozen_and_says_its_sizes():
    shop = make_shop(10, 10)
    with pytest.raises(dataclasses.FrozenInstanceError):
        shop.orders = None
    assert repr(shop).startswith("Shop(customers=10, products=400, orders=")
    assert not hasattr(shop, "__dict__") and not hasattr(shop.truth, "__dict__")


def test_import_is_light():
    heavy = "{'pandas', 'sklearn', 'scipy.stats', 'statsmodels', 'matplotlib'}"
    code = f"import sys, growthkit.datasets.shop; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
