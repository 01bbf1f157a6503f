"""
What to offer with it
=====================

A year of a grocer's baskets, from all that is bought together down to a page of offers that hold. The steps: read
baskets, mine itemsets, make rules, keep those that say something, count them again in later baskets, offer.
"""

# %%
# Baskets of categories
# ---------------------
# The log has one line per product. Rules about 68,000 products would be many and thin; rules about categories are what
# a shelf or a newsletter can act on. Some "categories" only say how something was rung up.

import pandas as pd

from growthkit import datasets, rules

journey = datasets.load_complete_journey()
products = journey.products[["product_id", "product_category"]].dropna()
products = products[~products["product_category"].isin(["COUPON/MISC ITEMS", "FROZEN", "REFRIGERATED"])]
lines = journey.transactions.merge(products, on="product_id")

baskets = rules.Baskets.from_frame(lines, item="product_category", timestamp="transaction_timestamp")
print(baskets)

# %%
# What is bought together
# -----------------------
# An itemset is frequent if at least one basket in five hundred holds it. All of them are found; nothing is cut off.

early, late = baskets.before("2017-10-01"), baskets.since("2017-10-01")
itemsets = rules.frequent_itemsets(early, min_support=0.002, max_len=3)
print(itemsets)

# %%
# Most of them are frequent because their parts are: milk and soft drinks lie in a quarter of the baskets each, so they
# meet. The pairs with the largest leverage (the share of baskets beyond what chance would give) say which big
# categories really belong together.

top = rules.top_itemsets(early, k=10, by="leverage", min_len=2, max_len=2)
top.to_frame()

# %%
# Rules, and which of them mean something
# ---------------------------------------
# A rule "who has the antecedent has the consequent" is tested with Fisher's exact test, one-sided. The q-value pays for
# the whole search: every rule that could have been found counts as a test.

found = rules.association_rules(itemsets, metric="lift", min_threshold=1.5)
print(f"{len(found):,} rules, {len(found.significant(0.01)):,} of them significant, of {found.n_tests:,} tested")

# %%
# With a hundred thousand baskets nearly everything is significant. What is left to ask is whether a long rule says more
# than a shorter one inside it: does the second item of "pasta and milk, so sauce" change anything? ``non_redundant``
# keeps a rule only if each item of its antecedent adds significantly.

telling = found.significant(0.01).non_redundant(alpha=0.01)
print(f"{len(telling):,} rules are left")
ax = telling.strongest(2_000).plot()

# %%
# Do they hold?
# -------------
# The rules were found in nine months. The other three have not been looked at; there each rule is a single hypothesis.

held = telling.counted_in(late)
print(f"{len(held.significant(0.01)):,} of {len(held):,} are significant in the last three months, too")
lifts = pd.DataFrame({"until September": telling.measure("lift"), "from October": held.measure("lift")})
lifts.describe().loc[["25%", "50%", "75%", "max"]].round(2)

# %%
# Offers
# ------
# An offer needs a consequent that enough of these customers take, and enough baskets.

offers = held.significant(0.01).filter(minimum={"confidence": 0.2, "count": 100})
table = offers.strongest(8).to_frame()
table[["antecedent", "consequent", "count", "confidence", "lift", "q_value"]].round({"confidence": 2, "lift": 1})

# %%
# The same rules as a network: grey lines lead from what is in the basket to a dot, blue arrows from there to the offer.

ax = offers.plot(kind="network", k=12)

# %%
# For the baskets of the last day: what to put beside them, and the rule that says so.

today = lines[lines["transaction_timestamp"] >= lines["transaction_timestamp"].max().normalize()]
recommender = rules.RuleRecommender(offers, score="lift")
recommender.recommend(today, k=2, item="product_category").head(8)

# %%
# First this, then that
# ---------------------
# Baskets forget the order. Which category comes within two weeks after another, and more often in this order than in
# the other? Each day of a household is one element of its history.
lines["day"] = lines["transaction_timestamp"].dt.normalize()
patterns = rules.sequential_patterns(
    lines, customer="household_id", item="product_category", timestamp="day", min_support=0.04, max_gap=14, max_len=2
)
counts = dict(patterns.to_frame()[["pattern", "count"]].itertuples(index=False))
pairs = [(first[0], then[0], n, counts.get((then, first), 0)) for (first, *rest), n in counts.items() for then in rest]
order = pd.DataFrame(pairs, columns=["first", "then", "households", "the other way round"])
order["ratio"] = order["households"] / order["the other way round"].clip(lower=1)
order[order["the other way round"] > 0].sort_values("ratio", ascending=False).head(5).round(2)

# %%
# No pair stands out: the most lopsided of them come only a third more often in one order than in the other. A grocer's
# households buy everything again and again, and what comes first says little. With tents and stoves it would be
# different.
#
# Worth, not frequency
# --------------------
# A set that sells rarely can be worth more than one that sells daily. Utilities are the sales of each line here;
# margins are better, where they are known.
worth = rules.high_utility_itemsets(lines, item="product_category", utility="sales_value", min_utility=60_000)
table = worth.to_frame()
table[table["length"] > 1].head(5).round(2)

# %%
# Before acting
# -------------
# A rule says that things go together, not that an offer adds sales: those customers bought both without one. Give the
# offer to half of them by chance (:func:`growthkit.experiment.assign`), and read out what it changed.
