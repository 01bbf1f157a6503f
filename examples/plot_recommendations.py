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
# with a coupon it says half as much, and within a year it fades to half. Times are UTC in the log; days are the stores'.

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

turn = "2017-10-01"
early = log[log["timestamp"] < turn]
reach = early.groupby("item_id")["customer_id"].nunique()
shown = reach[reach >= 50].index
early, known = early[early["item_id"].isin(shown)], log[log["item_id"].isin(shown)]

# %%
# What leaks
# ----------
# Train on nine months, test on the last three. Each split reports what the two parts know of each other.

parts = split.by_time(known, turn, **interest)
ax = parts.plot()

# %%
# Nothing is trained on that happened later. Two purchases in five are repeats; they are neither recommended nor counted
# as found, and what is left can all be found but for a few households without a history.
#
# Which model
# -----------
# The choice must not see the last three months. So the candidates learn from the first half of the year and are judged
# on the third quarter; a candidate is taken only if it beats the list of what is popular beyond chance.

candidates = {
    "popular": recommend.Popular(),
    "item neighbours": recommend.ItemKNN(similarity="cosine", shrinkage=20),
    "user neighbours": recommend.UserKNN(similarity="cosine"),
    "factors": recommend.ImplicitALS(factors=64, regularization=0.006),
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
# Now the last three months, which had no part in the choice. Out of 2,761 products ten are shown; what is counted are
# products that the household bought for the first time.

metrics = ["ndcg", "hit_rate", "recall", "coverage"]
result = recommend.evaluate(candidates, parts, metrics=metrics, rng=0)
table = result.to_frame().set_index(["metric", "model"])[["value", "lower", "upper"]]
table.loc[["ndcg", "hit_rate", "coverage"]].round(3)

# %%
# Compared household by household, the intervals are narrower than those of the models alone.

ax = result.differences("popular").plot()

# %%
# Popular products are hard to beat at a grocer's: every household buys food, and six in ten find something in a list that
# is the same for everybody. All models find more, and the best of them a quarter more. What the popular list cannot do
# is to show more than a handful of products:

ax = plotting.draw_trade_off(result, x="coverage", y="ndcg")

# %%
# Weights matter as much as models
# --------------------------------
# The same models, where each purchase counts (a household that took milk fifty times wants it fifty times as much):

counted = recommend.evaluate(candidates, split.by_time(known, turn), metrics="ndcg", rng=0)
pd.DataFrame({
    name: one.to_frame().query("metric == 'ndcg'").set_index("model")["value"]
    for name, one in {"bought or not": result, "how often": counted}.items()
}).round(3)

# %%
# The linear model falls below the popular list: few large numbers rule its squared errors. Before you tune a model, try
# what its input says.
#
# New products
# ------------
# Collaborative models know nothing of a product that nobody has bought. Content does: what a product is, who makes it,
# what it weighs. Which households will buy the products that first appeared in October or later?

traits = journey.products.rename(columns={"product_id": "item_id"})
traits["manufacturer"] = traits["manufacturer_id"].astype(str)
traits = traits.dropna(subset=["product_type", "product_category"])
first_sold = log.groupby("item_id")["timestamp"].min()
buyers = log.groupby("item_id")["customer_id"].nunique()
fresh = traits["item_id"].isin(first_sold[first_sold >= turn].index[buyers[first_sold >= turn] >= 10])
described = traits[fresh | traits["item_id"].isin(shown)]
new = described.loc[fresh, "item_id"]

content = recommend.ContentBased(
    text="product_type", categorical=["product_category", "department", "manufacturer", "brand"]
)
content.fit(parts.train, items=described)
offers = content.recommend(k=10, eligible=new)
offers.head(3)

# %%
# To know what these lists are worth they need something to be held against: the same number of new products, drawn by
# chance, and what the new products' own later sales would have said to somebody who could look ahead.

draw = np.random.default_rng(0)
by_chance = offers.assign(item_id=np.concatenate([draw.permutation(new)[:10] for _ in range(len(offers) // 10)]))
bought = log[log["item_id"].isin(new) & log["customer_id"].isin(offers["customer_id"])]
best_sellers = bought.groupby("item_id")["customer_id"].nunique().nlargest(10).index
looking_ahead = offers.assign(item_id=np.tile(best_sellers, len(offers) // 10))
arrivals = recommend.Split.of(parts.train, recommend.Interactions.from_frame(bought), at=None)
lists = {"by content": offers, "by chance": by_chance, "best sellers, looking ahead": looking_ahead}
launched = recommend.evaluate(lists, arrivals, metrics=["ndcg", "hit_rate"], rng=0)
ax = launched.plot()

# %%
