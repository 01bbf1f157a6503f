"""
What to recommend to whom
=========================

A year of a grocer's receipts, from the log to a shelf of ten products for each household, with reasons. The steps: say
what counts as interest, split by time, compare models with intervals, serve what and who is new, arrange the shelf.
"""

# %%
# What counts as interest
# -----------------------
# Households buy the same things again and again, and need no recommender for these. The question here is what they will
# buy that they have *not* bought before. A product counts as wanted if it was bought: once or fifty times is the same,
# with a coupon it says half as much, and within a year it fades to half. The log's times are UTC; days are the stores'.

import numpy as np
import pandas as pd

from growthkit import datasets, plotting, recommend
from growthkit.recommend import rerank, split

journey = datasets.load_complete_journey()
log = journey.transactions.rename(columns={"household_id": "customer_id", "product_id": "item_id"})
times = log.pop("transaction_timestamp").dt.tz_localize("UTC").dt.tz_convert("America/New_York")
log["timestamp"] = times.dt.tz_localize(None)
log["event"] = np.where(log["coupon_disc"] > 0, "coupon", "purchase")

interest = {
    "event": "event",
    "event_weights": {"purchase": 1.0, "coupon": 0.5},
    "half_life": 365,
    "duplicates": "max",
}

# %%
# Models learn from products that at least 50 households had bought by September. Which these are is decided before the
# day of the split: to choose them by the whole year would tell the models which products are going to sell.

products = journey.products.rename(columns={"product_id": "item_id"})
products = products.dropna(subset=["product_type", "product_category"])
products = products[products["product_category"] != "COUPON/MISC ITEMS"]
log = log[log["item_id"].isin(products["item_id"])]
turn = "2017-10-01"
early = log[log["timestamp"] < turn]
reach = early.groupby("item_id")["customer_id"].nunique()
catalogue = products[products["item_id"].isin(reach[reach >= 50].index)]
early, known = (lines[lines["item_id"].isin(catalogue["item_id"])] for lines in (early, log))
print(f"{len(catalogue):,} products")

# %%
# What leaks
# ----------
# Train on nine months, test on the last three. Each split reports what the two parts know of each other.

parts = split.by_time(known, turn, **interest)
ax = parts.plot()

# %%
# Nothing is trained on that happened later. Of the pairs of household and product in the last three months, nearly half
# are repeats; they are neither recommended nor counted as found. The rest can all be found, but for the few households
# without a history.
#
# Which model
# -----------
# The choice must not see the last three months. So the candidates learn from the first half of the year and are judged
# on the third quarter; a candidate is taken only if it beats the list of what is popular beyond chance. (Their
# parameters are the best of a few that were tried in the same way.)

candidates = {
    "popular": recommend.Popular(),
    "item neighbours": recommend.ItemKNN(similarity="cosine", shrinkage=20),
    "user neighbours": recommend.UserKNN(similarity="cosine"),
    "factors": recommend.ImplicitALS(factors=32, regularization=0.01),
    "linear": recommend.EASE(l2=1_000),
}
validation = split.by_time(early, "2017-07-01", **interest)
choice = recommend.compare_models(
    early, candidates, validation=validation, timestamp="timestamp", refit=False, rng=0, **interest
)
axes = choice.plot()

# %%
for reason in choice.reasons:
    print(reason)

# %%
# Now the last three months, which had no part in the choice. Of all products ten are shown; what counts as found is
# what the household bought for the first time.

metrics = ["ndcg", "hit_rate", "recall", "coverage"]
result = recommend.evaluate(candidates, parts, metrics=metrics, rng=0)
table = result.to_frame().set_index(["metric", "model"])[["value", "lower", "upper"]]
table.loc[["ndcg", "hit_rate", "coverage"]].round(3)

# %%
# Compared household by household, the intervals are narrower than those of the models alone.

ax = result.differences("popular", metric="ndcg").plot()

# %%
# Popular products are hard to beat at a grocer's: every household eats, and half of them find something in a list that
# is the same for everybody. All models find more, and the one that the third quarter chose is the best in the last,
# too: a quarter more nDCG. And it shows hundreds of products, where the popular list has a few dozen:

ax = plotting.draw_trade_off(result, x="coverage", y="ndcg")

# %%
# Weights matter as much as models
# --------------------------------
# The same models, where each purchase counts (a household that took milk fifty times wants it fifty times as much):

counted = recommend.evaluate(candidates, split.by_time(known, turn), metrics="ndcg", rng=0)
pd.DataFrame(
    {
        name: one.to_frame().query("metric == 'ndcg'").set_index("model")["value"]
        for name, one in {"bought or not": result, "how often": counted}.items()
    }
).round(3)

# %%
# The linear model falls back to the popular list, as a few large numbers rule its squared errors. Before you tune a
# model, try what its input says.
#
# New products
# ------------
# Collaborative models know nothing of a product that nobody has bought. Content does: what a product is and who makes
# it. Which households will buy the products that first appeared in October or later?

first_sold = log.groupby("item_id")["timestamp"].min()
buyers = log.groupby("item_id")["customer_id"].nunique()
new = buyers[(first_sold >= turn) & (buyers >= 10)].index
described = products[products["item_id"].isin(new) | products["item_id"].isin(catalogue["item_id"])]
described = described.assign(maker=described["manufacturer_id"].astype(str))

content = recommend.ContentBased(text="product_type", categorical=["product_category", "department", "maker", "brand"])
content.fit(parts.train, items=described)
offers = content.recommend(k=10, eligible=new)
offers.head(3)

# %%
# To know what these lists are worth they need something to be held against: as many new products drawn by chance, and
# the ten that went on to sell best, which nobody could know. (Products that fewer than ten households bought in those
# three months are left out on all sides.)

draw = np.random.default_rng(0)
n_lists = offers["customer_id"].nunique()
by_chance = offers.assign(item_id=np.concatenate([draw.permutation(new)[:10] for _ in range(n_lists)]))
bought = log[log["item_id"].isin(new) & log["customer_id"].isin(offers["customer_id"])]
best_sellers = bought.groupby("item_id")["customer_id"].nunique().nlargest(10).index
looking_ahead = offers.assign(item_id=np.tile(best_sellers, n_lists))
arrivals = recommend.Split.of(parts.train, recommend.Interactions.from_frame(bought))
lists = {"by content": offers, "by chance": by_chance, "best sellers, looking ahead": looking_ahead}
launched = recommend.evaluate(lists, arrivals, metrics="hit_rate", rng=0)
ax = launched.plot()

# %%
# Of the households that took any of the new products, three in ten are shown one of theirs: more than twice as many as
# by chance, and not far from what hindsight can do with one list for all.
#
# New customers
# -------------
# A model learnt without a fifth of the households; then it is told their first baskets and asked what they will buy in
# the last three months. ``fold_in`` makes their side of the model from what is known, without learning anew.

households = np.sort(early["customer_id"].unique())
cold = draw.choice(households, len(households) // 5, replace=False)
theirs, others = (early[early["customer_id"].isin(cold) == one] for one in (True, False))
place = theirs.groupby("customer_id")["basket_id"].transform(lambda baskets: pd.factorize(baskets)[0])
learnt = recommend.Interactions.from_frame(others, timestamp="timestamp", **interest)
asked = known[(known["timestamp"] >= turn) & known["customer_id"].isin(cold)]
to_find = recommend.Interactions.from_frame(asked)
fitted = {name: model.fit(learnt) for name, model in candidates.items()}

gains = {}
for n_baskets in (1, 2, 5, 20):
    told = recommend.Interactions.from_frame(theirs[place < n_baskets], timestamp="timestamp", **interest)
    strangers = recommend.Split.of(learnt, to_find, given=told)
    found = recommend.evaluate(fitted, strangers, metrics="ndcg", fallback=fitted["popular"], rng=0)
    rows = found.differences("popular").to_frame().set_index("model")
    gains[f"{n_baskets} told"] = rows.apply(
        lambda row: "{difference:+.3f} ({lower:+.3f} to {upper:+.3f})".format(**row), axis=1
    )
pd.DataFrame(gains)

# %%
# This is how much more nDCG they have than the popular list. After one basket the linear model does *worse* than it,
# and two others no better: what goes with a handful of products says less than what everybody buys. The neighbours
# among households are ahead from the first basket on, all models from the second, and in the end the linear one is the
# best of them. So let the neighbours begin, and change over as a household becomes known. That is one model, too, and
# each of its rows says who spoke.

changing = recommend.Hybrid.switch(
    {"beginning": recommend.UserKNN(similarity="cosine"), "known": recommend.EASE(l2=1_000)}, thresholds=[100]
)
changing.fit(parts.train).recommend(k=1)["source"].value_counts()

# %%
# The shelf
# ---------
# The best ten by score may be five soups. ``rerank`` takes longer lists and arranges them: here each department gets
# about the share that it has in what the household buys, and no category gets more than two places of ten. What does
# that cost?

model = candidates["linear"].fit(parts.train)
long_lists = model.recommend(k=50)
balanced = rerank.calibrated(long_lists, catalogue, parts.train, by="department", trade_off=0.8)
shelf = rerank.quota(balanced, catalogue, [rerank.Quota(None, at_most=2)], by="product_category", k=10)

stages = {"by score": long_lists, "shelf": shelf}
priced = recommend.evaluate(
    stages, parts, metrics=["ndcg", "miscalibration"], items=catalogue, category="department", rng=0
)
ax = plotting.draw_trade_off(priced, x="miscalibration")

# %%
# It costs some of what is found, and brings lists that look like the household's own baskets (0 would be exactly like
# them). Whether that is worth it is for an experiment to say: what households do with lists that nobody has shown them
# is not in this log.
#
# Why this?
# ---------
# The shelf of one household, each row with the two products of its history that speak most for it. The contributions
# sum to the score.

household = 900
about = catalogue.set_index("item_id")
names = about["product_type"].str.lower()


def because(item: int) -> str:
    """Name the two products that add most to the score."""
    parts_of_score = model.explain(household, item)
    return " and ".join(names[parts_of_score["item_id"].head(2)])


own = shelf[shelf["customer_id"] == household]
pd.DataFrame(
    {
        "shown": names[own["item_id"]].to_numpy(),
        "category": about.loc[own["item_id"], "product_category"].str.lower().to_numpy(),
        "score": own["score"].round(2).to_numpy(),
        "because of": [because(item) for item in own["item_id"]],
    }
)

# %%
# From day to day
# ---------------
# Some households came only in October, and the model has never seen them. ``fold_in`` makes their side of it at once,
# from all that is known of them now, with the items as they were learnt. These are learnt again from time to time, by
# ``partial_fit`` or ``fit``.

newcomers = known[~known["customer_id"].isin(early["customer_id"])]
now = model.fold_in(recommend.Interactions.from_frame(newcomers, timestamp="timestamp", **interest))
first_lists = now.recommend(k=3)
first_lists.assign(product=first_lists["item_id"].map(names)).head(6)

# %%
# Before acting
# -------------
# All of this says what households would have bought anyway. What a recommendation *adds* is another question: show it
# to half of them by chance (:func:`growthkit.experiment.assign`), and read out what it changed.
