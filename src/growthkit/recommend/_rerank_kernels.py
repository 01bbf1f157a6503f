"""Kernels of re-ranking: each customer's candidates stand side by side, in the order of their list.

All write to ``out[indptr[row] + place]`` the candidate that takes that place, and leave -1 behind the end of a list.
Of candidates of equal worth the one further up in the list wins.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.jit import kernel
from ..typing import AnyArray, FloatArray, Int32Array, Int64Array

CALIBRATED = 0
XQUAD = 1


@kernel
def similarity(other: Any, indptr: Int64Array, codes: Int32Array, values: FloatArray, row: FloatArray) -> float:
    """Return the product of an item's features, spread out in `row`, with those of another."""
    total = 0.0
    for e in range(indptr[other], indptr[other + 1]):
        total += row[codes[e]] * values[e]
    return total


@kernel
def closest(
    item: Any,
    chosen: Int32Array,
    first: int,
    indptr: Int64Array,
    codes: Int32Array,
    values: FloatArray,
    row: FloatArray,
) -> float:
    """Return the largest similarity of `item` to those chosen from number `first` on; `row` is zeros and stays so."""
    for e in range(indptr[item], indptr[item + 1]):
        row[codes[e]] = values[e]
    best = -np.inf
    for j in range(first, chosen.size):
        best = max(best, similarity(chosen[j], indptr, codes, values, row))
    for e in range(indptr[item], indptr[item + 1]):
        row[codes[e]] = 0.0
    return best


@kernel
def highest(bounds: FloatArray) -> int:
    """Return the place of the largest bound, the first of equals."""
    best = 0
    for i in range(1, bounds.size):
        if bounds[i] > bounds[best]:
            best = i
    return best


@kernel
def mmr_lists(
    indptr: Int64Array,
    items: Int32Array,
    relevance: FloatArray,
    feature_indptr: Int64Array,
    features: Int32Array,
    values: FloatArray,
    n_features: int,
    trade_off: float,
    floor: float,
    k: int,
    out: Int64Array,
    first_row: int,
    last_row: int,
) -> None:
    """Choose by maximal marginal relevance, lazily.

    The similarity to what is chosen only grows, so a candidate's worth only falls: who is best with a worth up to
    date is best. `floor` is a number that no similarity is below.
    """
    row = np.zeros(n_features)
    for c in range(first_row, last_row):
        start, n = indptr[c], indptr[c + 1] - indptr[c]
        if n == 0:
            continue
        nearest = np.full(n, floor)
        seen = np.zeros(n, np.int64)
        bounds = trade_off * relevance[start : start + n]
        chosen = np.empty(min(k, n), np.int32)
        for place in range(chosen.size):
            i = highest(bounds)
            while seen[i] < place:
                near = closest(items[start + i], chosen[:place], seen[i], feature_indptr, features, values, row)
                nearest[i] = max(nearest[i], near) if seen[i] else near
                seen[i] = place
                bounds[i] = trade_off * relevance[start + i] - (1.0 - trade_off) * nearest[i]
                i = highest(bounds)
            out[start + place] = start + i
            chosen[place] = items[start + i]
            bounds[i] = -np.inf
            seen[i] = chosen.size
            if place == 0:
                for j in range(n):
                    if seen[j] == 0:
                        bounds[j] = trade_off * relevance[start + j] - (1.0 - trade_off) * floor


@kernel
def by_relevance(relevance: FloatArray) -> Int64Array:
    """Return the places of candidates from the most to the least relevant, stably."""
    for i in range(1, relevance.size):
        if relevance[i] > relevance[i - 1]:
            return np.argsort(-relevance, kind="mergesort").astype(np.int64)
    return np.arange(relevance.size)


@kernel
def sorted_lists(
    indptr: Int64Array, scores: FloatArray, k: int, out: Int64Array, first_row: int, last_row: int
) -> None:
    """Put the highest scores first."""
    for c in range(first_row, last_row):
        start = indptr[c]
        order = by_relevance(scores[start : indptr[c + 1]])
        for place in range(min(k, order.size)):
            out[start + place] = start + order[place]


@kernel
def queues(
    kinds: Int32Array, relevance: FloatArray, slot_of_kind: Int32Array
) -> tuple[Int32Array, Int64Array, Int64Array]:
    """Queue up candidates of one kind by relevance.

    Return the kinds that occur, the first candidate of each and, for each candidate, the next of its kind, or -1.
    `slot_of_kind` is all -1 and is left so.
    """
    n = kinds.size
    present = np.empty(n, np.int32)
    heads = np.full(n, -1, np.int64)
    following = np.full(n, -1, np.int64)
    order = by_relevance(relevance)
    n_kinds = 0
    for o in range(n - 1, -1, -1):
        i = order[o]
        slot = slot_of_kind[kinds[i]]
        if slot < 0:
            slot = n_kinds
            present[slot] = kinds[i]
            slot_of_kind[kinds[i]] = slot
            n_kinds += 1
        following[i] = heads[slot]
        heads[slot] = i
    for slot in range(n_kinds):
        slot_of_kind[present[slot]] = -1
    return present[:n_kinds], heads[:n_kinds], following


@kernel
def calibration_gain(
    kind: int,
    place: int,
    smoothing: float,
    indptr: Int64Array,
    aspects: Int32Array,
    shares: FloatArray,
    target: FloatArray,
    held: FloatArray,
) -> float:
    """Return by how much an item lowers the divergence of the list from the target.

    All candidates are measured from the list with one more place and nothing in it, against which only the aspects of
    the item change.
    """
    gain = 0.0
    size = place + 1.0
    for e in range(indptr[kind], indptr[kind + 1]):
        aspect = aspects[e]
        if target[aspect] > 0.0:
            base = (1.0 - smoothing) * held[aspect] / size + smoothing * target[aspect]
            gain += target[aspect] * np.log(1.0 + (1.0 - smoothing) * shares[e] / size / base)
    return gain


@kernel
def novelty(
    kind: int, indptr: Int64Array, aspects: Int32Array, shares: FloatArray, target: FloatArray, held: FloatArray
) -> float:
    """Return the wanted aspects that an item has and the list does not satisfy yet."""
    gain = 0.0
    for e in range(indptr[kind], indptr[kind + 1]):
        gain += target[aspects[e]] * shares[e] * (1.0 - held[aspects[e]])
    return gain


@kernel
def best_kind(
    method: int,
    place: int,
    trade_off: float,
    smoothing: float,
    present: Int32Array,
    heads: Int64Array,
    relevance: FloatArray,
    indptr: Int64Array,
    aspects: Int32Array,
    shares: FloatArray,
    target: FloatArray,
    held: FloatArray,
) -> int:
    """Return the slot of the kind whose first candidate is worth most; of equals the one further up in the list."""
    best, best_worth = -1, -np.inf
    for slot in range(present.size):
        i = heads[slot]
        if i < 0:
            continue
        if method == CALIBRATED:
            gain = calibration_gain(present[slot], place, smoothing, indptr, aspects, shares, target, held)
        else:
            gain = relevance[i] * novelty(present[slot], indptr, aspects, shares, target, held)
        worth = (1.0 - trade_off) * relevance[i] + trade_off * gain
        if worth > best_worth or (worth == best_worth and i < heads[best]):
            best, best_worth = slot, worth
    return best


@kernel
def aspect_lists(
    method: int,
    indptr: Int64Array,
    kinds: Int32Array,
    relevance: FloatArray,
    kind_indptr: Int64Array,
    aspects: Int32Array,
    shares: FloatArray,
    n_aspects: int,
    target_indptr: Int64Array,
    target_aspects: Int32Array,
    target_shares: FloatArray,
    trade_off: float,
    smoothing: float,
    k: int,
    out: Int64Array,
    first_row: int,
    last_row: int,
) -> None:
    """Choose greedily by calibration or by xQuAD.

    Items of one kind have the same shares of all aspects, so only the most relevant of each kind can be next.
    `held` is what the list holds of each aspect (calibration), or how well it satisfies each (xQuAD).
    """
    target, held = np.zeros(n_aspects), np.zeros(n_aspects)
    slot_of_kind = np.full(kind_indptr.size - 1, -1, np.int32)
    for c in range(first_row, last_row):
        start, stop = indptr[c], indptr[c + 1]
        scores = relevance[start:stop]
        for e in range(target_indptr[c], target_indptr[c + 1]):
            target[target_aspects[e]] = target_shares[e]
        held[:] = 0.0
        present, heads, following = queues(kinds[start:stop], scores, slot_of_kind)
        for place in range(min(k, stop - start)):
            slot = best_kind(
                method, place, trade_off, smoothing, present, heads, scores, kind_indptr, aspects, shares, target, held
            )
            i = heads[slot]
            heads[slot] = following[i]
            out[start + place] = start + i
            for e in range(kind_indptr[present[slot]], kind_indptr[present[slot] + 1]):
                if method == CALIBRATED:
                    held[aspects[e]] += shares[e]
                else:
                    held[aspects[e]] += (1.0 - held[aspects[e]]) * shares[e] * scores[i]
        for e in range(target_indptr[c], target_indptr[c + 1]):
            target[target_aspects[e]] = 0.0


@kernel
def shortfall(
    place: int,
    depth: int,
    counts: Int64Array,
    supply: Int64Array,
    rules: Int32Array,
    upper: Int32Array,
    deadline: Int32Array,
) -> Any:
    """Return how many places stay empty, and how many wanted items come too late, if the rest is filled best.

    Each place goes to the group whose next item is due first (earliest deadline first), which is best possible for jobs
    of one unit of time with release times and deadlines. `counts` holds what the places before have.
    """
    held = counts.copy()
    missed = 0
    for w in range(place + 1, depth + 1):
        best, best_due = -1, depth + 2
        for g in range(held.size):
            if held[g] < min(supply[g], upper[rules[g], w]):
                due = deadline[rules[g], held[g] + 1]
                due = depth + 1 if due < w or due > depth else due
                if due < best_due:
                    best, best_due = g, due
        if best < 0:
            return missed + depth + 1 - w + late(held, supply, rules, deadline, depth)
        held[best] += 1
        missed += np.int64(deadline[rules[best], held[best]] < w)
    return missed + late(held, supply, rules, deadline, depth)


@kernel
def late(held: Int64Array, supply: Int64Array, rules: Int32Array, deadline: Int32Array, depth: int) -> int:
    """Return how many items that are due within the list, and that there are, it does not hold."""
    missed = 0
    for g in range(held.size):
        j = held[g] + 1
        while j <= min(supply[g], depth) and deadline[rules[g], j] <= depth:
            missed += 1
            j += 1
    return missed


@kernel
def plain_list(
    groups: Int64Array,
    rules: Int32Array,
    supply: Int64Array,
    upper: Int32Array,
    deadline: Int32Array,
    chosen: Int64Array,
) -> Any:
    """Fill places with the first candidate that no upper limit forbids; whether that keeps all rules."""
    taken = np.zeros(groups.size, np.bool_)
    counts = np.zeros(supply.size, np.int64)
    first = 0
    kept = True
    for place in range(chosen.size):
        i = first
        while i < groups.size and (taken[i] or counts[groups[i]] >= upper[rules[groups[i]], place + 1]):
            i += 1
        if i == groups.size:
            return False
        g = groups[i]
        counts[g] += 1
        kept = kept and deadline[rules[g], counts[g]] >= place + 1
        taken[i] = True
        chosen[place] = i
        while first < groups.size and taken[first]:
            first += 1
    return kept and late(counts, supply, rules, deadline, chosen.size) == 0


@kernel
def careful_list(
    groups: Int64Array,
    rules: Int32Array,
    supply: Int64Array,
    upper: Int32Array,
    deadline: Int32Array,
    chosen: Int64Array,
) -> None:
    """Fill each place with the first candidate that keeps the rules, as far as they can be kept, within reach."""
    taken = np.zeros(groups.size, np.bool_)
    counts = np.zeros(supply.size, np.int64)
    tried = np.full(supply.size, -1, np.int64)
    depth = chosen.size
    for place in range(depth):
        least = shortfall(place, depth, counts, supply, rules, upper, deadline)
        for i in range(groups.size):
            g = groups[i]
            if taken[i] or tried[g] == place or counts[g] >= upper[rules[g], place + 1]:
                continue
            tried[g] = place
            counts[g] += 1
            missed = np.int64(deadline[rules[g], counts[g]] < place + 1)
            if missed + shortfall(place + 1, depth, counts, supply, rules, upper, deadline) <= least:
                taken[i] = True
                chosen[place] = i
                break
            counts[g] -= 1
        if chosen[place] < 0:
            return


@kernel
def local_groups(
    groups: Int32Array, rule_of_group: Int32Array, slot_of_group: Int32Array
) -> tuple[Int64Array, Int32Array, Int64Array]:
    """Number the groups of one list; return each candidate's, the rule of each and how many candidates each has."""
    local = np.empty(groups.size, np.int64)
    rules = np.empty(groups.size, np.int32)
    supply = np.zeros(groups.size, np.int64)
    n_groups = 0
    for i in range(groups.size):
        slot = slot_of_group[groups[i]]
        if slot < 0:
            slot = n_groups
            slot_of_group[groups[i]] = slot
            rules[slot] = rule_of_group[groups[i]]
            n_groups += 1
        local[i] = slot
        supply[slot] += 1
    for i in range(groups.size):
        slot_of_group[groups[i]] = -1
    return local, rules[:n_groups], supply[:n_groups]


@kernel
def state_of(chosen: Int64Array, local: Int64Array, rules: Int32Array, lower: Int32Array, n_required: int) -> Any:
    """Return 1 if the list misses what one of the first `n_required` rules asks for, plus 2 if places stay empty."""
    counts = np.zeros(lower.shape[0], np.int64)
    length = 0
    missed = 0
    for place in range(lower.shape[1] - 1):
        if place < chosen.size and chosen[place] >= 0:
            counts[rules[local[chosen[place]]]] += 1
            length += 1
        for rule in range(n_required):
            if counts[rule] < lower[rule, place + 1]:
                missed = 1
    return missed + 2 * np.int64(length < chosen.size)


@kernel
def quota_lists(
    indptr: Int64Array,
    groups: Int32Array,
    rule_of_group: Int32Array,
    n_required: int,
    lower: Int32Array,
    upper: Int32Array,
    deadline: Int32Array,
    k: int,
    states: AnyArray,
    out: Int64Array,
    first_row: int,
    last_row: int,
) -> None:
    """Fill lists by quota; write to `states` whether rules are broken and places empty.

    Row r of `lower` and `upper` bounds how many items of a group with rule r stand in the first w places, for each w;
    ``deadline[r, j]`` is the place up to which the j-th must stand.
    """
    slot_of_group = np.full(rule_of_group.size, -1, np.int32)
    for c in range(first_row, last_row):
        start, stop = indptr[c], indptr[c + 1]
        local, rules, supply = local_groups(groups[start:stop], rule_of_group, slot_of_group)
        chosen = np.full(min(k, stop - start), -1, np.int64)
        if not plain_list(local, rules, supply, upper, deadline, chosen):
            chosen[:] = -1
            careful_list(local, rules, supply, upper, deadline, chosen)
        states[c] = state_of(chosen, local, rules, lower, n_required)
        for place in range(chosen.size):
            out[start + place] = chosen[place] + start if chosen[place] >= 0 else -1


@kernel
def first_repeat(indptr: Int64Array, items: Int32Array, n_items: int) -> int:
    """Return the place of the first item that stands in its row already, or -1."""
    row_of = np.full(n_items, -1, np.int64)
    for row in range(indptr.size - 1):
        for i in range(indptr[row], indptr[row + 1]):
            if row_of[items[i]] == row:
                return i
            row_of[items[i]] = row
    return -1
