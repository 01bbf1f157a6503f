"""Compiled searches that grow patterns item by item: sequences by how many have them, itemsets by what they are worth.

Arrays in, arrays out. Both go depth-first over occurrences and note what they find as (parent, key, count): the pattern
that is extended, the extension, and how many have it. What waits to be extended stands on a stack of four numbers: its
place among what is found, its length, and where its occurrences begin and end.

Sequences: a customer's history is a run of elements, each a moment with the items bought then. Elements hold distinct
items in rising order. An occurrence of a pattern is the element where its last one ends, with the latest moment at
which it can have begun. Extensions are numbered by key: item x in a later element has key x, in the same element
n_items + x.

Utilities: baskets stand one after another, each in the order in which items extend sets. An occurrence of a set is the
place of its last item in a basket, with what the set is worth there. `rest` holds what the items behind a place are
worth at most: the sum of those that are worth something.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._core.jit import kernel
from ..typing import AnyArray, FloatArray, Int32Array, Int64Array

__all__ = ["Bounds", "Histories", "Worths", "search_sequences", "search_utilities", "sum_behind", "upper_bounds"]

NONE = -1
NO_BOUND = np.iinfo(np.int64).max


class Histories(NamedTuple):
    """What all customers bought.

    Element e holds ``items[edges[e]:edges[e + 1]]``, bought at ``times[e]`` by ``customers[e]``; customer c has the
    elements from ``elements[c]`` to ``elements[c + 1]``, in the order of time.
    """

    n_items: int
    items: Int32Array
    edges: Int64Array
    times: Int64Array
    customers: Int32Array
    elements: Int64Array


class Bounds(NamedTuple):
    """Bounds of the time between neighbouring elements of a pattern, and from its first to its last."""

    min_gap: int
    max_gap: int
    max_span: int


class Worths(NamedTuple):
    """All baskets: items, what each is worth there, what those behind it are worth at most, and where baskets end."""

    items: Int32Array
    values: FloatArray
    rest: FloatArray
    ends: Int64Array


@kernel
def grown(old: AnyArray, size: int) -> AnyArray:
    """Return the array, with room for at least `size` entries."""
    if size <= old.size:
        return old
    new = np.empty(max(size, 2 * old.size), dtype=old.dtype)
    new[: old.size] = old
    return new


@kernel
def noted(found: Int64Array, place: int, parent: int, key: int, count: int) -> Int64Array:
    """Write a pattern to its place."""
    found = grown(found, 3 * place + 3)
    found[3 * place], found[3 * place + 1], found[3 * place + 2] = parent, key, count
    return found


@kernel
def queued(waiting: Int64Array, depth: int, pattern: int, length: int, begin: int, end: int) -> Int64Array:
    """Put a pattern that is to be extended onto the stack."""
    waiting = grown(waiting, 4 * depth + 4)
    waiting[4 * depth], waiting[4 * depth + 1] = pattern, length
    waiting[4 * depth + 2], waiting[4 * depth + 3] = begin, end
    return waiting


@kernel
def latest_start(
    times: Int64Array, occurrences: Int64Array, starts: Int64Array, first: int, stop: int, element: int, bounds: Bounds
) -> int:
    """Return the latest moment at which a pattern that goes on in `element` can have begun, -1 if none can.

    Occurrences `first` to `stop` are those of the pattern in the customer's history; moments are counted from 0.
    """
    now, best = times[element], NONE
    for o in range(first, stop):
        if occurrences[o] >= element:
            break
        if bounds.min_gap <= now - times[occurrences[o]] <= bounds.max_gap and now - starts[o] <= bounds.max_span:
            best = max(best, starts[o])
    return best


@kernel
def count_one(
    key: int, customer: Any, counts: Int64Array, sizes: Int64Array, seen: Int32Array, met: Int64Array, n_met: int
) -> int:
    """Count an occurrence of an extension; return 1 if it is the first that is met, else 0."""
    if seen[key] == customer:
        sizes[key] += 1
        return 0
    new = sizes[key] == 0
    met[n_met] = key if new else met[n_met]
    sizes[key] += 1
    counts[key] += 1
    seen[key] = customer
    return int(new)


@kernel
def count_extensions(
    histories: Histories,
    occurrences: Int64Array,
    starts: Int64Array,
    begin: int,
    end: int,
    last: int,
    bounds: Bounds,
    counts: Int64Array,
    sizes: Int64Array,
    seen: Int32Array,
    met: Int64Array,
) -> int:
    """Count the customers and the occurrences of each extension; return how many different ones were met."""
    n_items, items, edges, times, customers, elements = histories
    is_bounded = bounds.max_gap != NO_BOUND or bounds.max_span != NO_BOUND
    n_met, first = 0, begin
    while first < end:
        customer = customers[occurrences[first]]
        stop = first
        while stop < end and customers[occurrences[stop]] == customer:
            for p in range(edges[occurrences[stop]], edges[occurrences[stop] + 1]):
                if items[p] > last:
                    n_met += count_one(n_items + items[p], customer, counts, sizes, seen, met, n_met)
            stop += 1
        earliest = times[occurrences[first]]
        for element in range(occurrences[first] + 1, elements[customer + 1]):
            start = times[element] if times[element] - earliest >= bounds.min_gap else NONE
            if is_bounded:
                start = latest_start(times, occurrences, starts, first, stop, element, bounds)
            if start != NONE:
                for p in range(edges[element], edges[element + 1]):
                    n_met += count_one(items[p], customer, counts, sizes, seen, met, n_met)
        first = stop
    return n_met


@kernel
def place_extensions(
    histories: Histories,
    occurrences: Int64Array,
    starts: Int64Array,
    begin: int,
    end: int,
    last: int,
    bounds: Bounds,
    slots: Int64Array,
) -> None:
    """Write the occurrences of each extension that has slots to them: element and latest start, by customer."""
    n_items, items, edges, times, customers, elements = histories
    is_bounded = bounds.max_gap != NO_BOUND or bounds.max_span != NO_BOUND
    first = begin
    while first < end:
        customer = customers[occurrences[first]]
        stop = first
        while stop < end and customers[occurrences[stop]] == customer:
            element = occurrences[stop]
            for p in range(edges[element], edges[element + 1]):
                slot = slots[n_items + items[p]]
                if items[p] > last and slot != NONE:
                    occurrences[slot], starts[slot] = element, starts[stop]
                    slots[n_items + items[p]] = slot + 1
            stop += 1
        earliest = times[occurrences[first]]
        for element in range(occurrences[first] + 1, elements[customer + 1]):
            start = times[element] if times[element] - earliest >= bounds.min_gap else NONE
            if is_bounded:
                start = latest_start(times, occurrences, starts, first, stop, element, bounds)
            if start != NONE:
                for p in range(edges[element], edges[element + 1]):
                    slot = slots[items[p]]
                    if slot != NONE:
                        occurrences[slot], starts[slot] = element, start
                        slots[items[p]] = slot + 1
        first = stop


@kernel
def forget(met: Int64Array, counts: Int64Array, sizes: Int64Array, seen: Int32Array, slots: Int64Array) -> None:
    """Clear what was counted."""
    for i in range(met.size):
        counts[met[i]], sizes[met[i]], seen[met[i]], slots[met[i]] = 0, 0, NONE, NONE


@kernel
def search_sequences(
    histories: Histories,
    places: Int64Array,
    places_of: Int64Array,
    support: Int64Array,
    roots: Int64Array,
    min_count: int,
    max_len: int,
    bounds: Bounds,
    limit: int,
) -> Int64Array:
    """Return all frequent patterns that begin with an item of `roots`, each after the one that it extends.

    Item x stands in the elements ``places[places_of[x]:places_of[x + 1]]``, in rising order, of ``support[x]``
    customers. The result holds three numbers a pattern: the pattern that it extends (-1 for none), the key of the
    extension, and the customers who have it; it is cut off when there are more than `limit`.
    """
    n_keys = 2 * support.size
    counts, sizes, met = np.zeros(n_keys, np.int64), np.zeros(n_keys, np.int64), np.empty(n_keys + 1, np.int64)
    seen, slots = np.full(n_keys, NONE, np.int32), np.full(n_keys, NONE, np.int64)
    occurrences, starts = np.empty(64, np.int64), np.empty(64, np.int64)
    found, n_found = np.empty(64, np.int64), 0
    waiting = np.empty(64, np.int64)
    for r in range(roots.size):
        root = int(roots[r])
        end = int(places_of[root + 1] - places_of[root])
        occurrences, starts = grown(occurrences, end), grown(starts, end)
        occurrences[:end] = places[places_of[root] : places_of[root + 1]]
        starts[:end] = histories.times[occurrences[:end]]
        found = noted(found, n_found, NONE, root, support[root])
        waiting = queued(waiting, 0, n_found, 1, 0, end)
        n_found, depth = n_found + 1, 1
        while depth and n_found <= limit:
            depth -= 1
            pattern, length = int(waiting[4 * depth]), int(waiting[4 * depth + 1])
            begin, end = int(waiting[4 * depth + 2]), int(waiting[4 * depth + 3])
            if length == max_len:
                continue
            last, stop = int(found[3 * pattern + 1] % support.size), end
            n_met = count_extensions(
                histories, occurrences, starts, begin, stop, last, bounds, counts, sizes, seen, met
            )
            met[:n_met].sort()
            for i in range(n_met):
                key = int(met[i])
                if counts[key] >= min_count:
                    found = noted(found, n_found, pattern, key, counts[key])
                    slots[key], n_found = n_found, n_found + 1
            # Occurrences stand behind one another, those of the first child last: it is taken up first.
            for i in range(n_met - 1, -1, -1):
                key = int(met[i])
                if counts[key] >= min_count:
                    waiting = queued(waiting, depth, slots[key], length + 1, end, end + sizes[key])
                    slots[key], end, depth = end, int(end + sizes[key]), depth + 1
            if end > stop:
                occurrences, starts = grown(occurrences, end), grown(starts, end)
                place_extensions(histories, occurrences, starts, begin, stop, last, bounds, slots)
            forget(met[:n_met], counts, sizes, seen, slots)
    return found[: 3 * n_found]


@kernel
def upper_bounds(indptr: Int64Array, codes: Int32Array, values: FloatArray, kept: AnyArray, bounds: FloatArray) -> None:
    """Add to each item the positive worth of all kept items of the baskets that it is in."""
    for row in range(indptr.size - 1):
        whole = 0.0
        for p in range(indptr[row], indptr[row + 1]):
            if kept[codes[p]]:
                whole += max(values[p], 0.0)
        for p in range(indptr[row], indptr[row + 1]):
            bounds[codes[p]] += whole


@kernel
def sum_behind(indptr: Int64Array, values: FloatArray, rest: FloatArray) -> None:
    """Write for each place what the items behind it in its basket are worth at most."""
    for row in range(indptr.size - 1):
        behind = 0.0
        for p in range(indptr[row + 1] - 1, indptr[row] - 1, -1):
            rest[p] = behind
            behind += max(values[p], 0.0)


@kernel
def added(total: float, lost: float, worth: float) -> tuple[float, float]:
    """Return a sum with one more term, and what rounding has taken from it so far."""
    new = total + worth
    part = new - total
    return new, lost + ((total - (new - part)) + (worth - part))


@kernel
def exact_sum(worths: FloatArray) -> float:
    """Return a sum that is rounded about once."""
    total, lost = 0.0, 0.0
    for o in range(worths.size):
        total, lost = added(total, lost, worths[o])
    return total + lost


@kernel
def weigh_extensions(
    baskets: Worths,
    places: Int64Array,
    worths: FloatArray,
    begin: int,
    end: int,
    sizes: Int64Array,
    utility: FloatArray,
    lost: FloatArray,
    bound: FloatArray,
    met: Int64Array,
) -> int:
    """Sum for each item behind the occurrences what the set is worth with it, and at most with more as well.

    What rounding takes from the worth is kept in `lost`; many baskets of equal worth would lose much, all one way.
    """
    items, values, rest, ends = baskets
    n_met = 0
    for o in range(begin, end):
        for p in range(places[o] + 1, ends[places[o]]):
            item = items[p]
            if sizes[item] == 0:
                met[n_met] = item
                n_met += 1
            sizes[item] += 1
            worth = worths[o] + values[p]
            utility[item], lost[item] = added(float(utility[item]), float(lost[item]), worth)
            bound[item] += max(worth + rest[p], 0.0)
    return n_met


@kernel
def place_worths(
    baskets: Worths, places: Int64Array, worths: FloatArray, begin: int, end: int, slots: Int64Array
) -> None:
    """Write the occurrences of each extension that has slots to them."""
    items, values, _, ends = baskets
    for o in range(begin, end):
        for p in range(places[o] + 1, ends[places[o]]):
            slot = slots[items[p]]
            if slot != NONE:
                places[slot], worths[slot] = p, worths[o] + values[p]
                slots[items[p]] = slot + 1


@kernel
def search_utilities(
    baskets: Worths,
    places_of_items: Int64Array,
    indptr: Int64Array,
    roots: Int64Array,
    least: float,
    max_len: int,
) -> tuple[Int64Array, FloatArray]:
    """Return all sets that begin with an item of `roots` and are worth `least`, or may be with more items.

    Item x stands at the places ``places_of_items[indptr[x]:indptr[x + 1]]``. The first result holds three numbers a
    set: the set that it extends (-1 for none), its last item, and in how many baskets it is; the second what it is
    worth.
    """
    n_items = indptr.size - 1
    sizes, slots, met = np.zeros(n_items, np.int64), np.full(n_items, NONE, np.int64), np.empty(n_items, np.int64)
    utility, lost, bound = np.zeros(n_items), np.zeros(n_items), np.zeros(n_items)
    places, worths = np.empty(64, np.int64), np.empty(64)
    found, worth_of, n_found = np.empty(64, np.int64), np.empty(64), 0
    waiting = np.empty(64, np.int64)
    for r in range(roots.size):
        root = int(roots[r])
        end = int(indptr[root + 1] - indptr[root])
        places, worths = grown(places, end), grown(worths, end)
        places[:end] = places_of_items[indptr[root] : indptr[root + 1]]
        worths[:end] = baskets.values[places[:end]]
        found = noted(found, n_found, NONE, root, end)
        worth_of = grown(worth_of, n_found + 1)
        worth_of[n_found] = exact_sum(worths[:end])
        waiting = queued(waiting, 0, n_found, 1, 0, end)
        n_found, depth = n_found + 1, 1
        while depth:
            depth -= 1
            parent, length = int(waiting[4 * depth]), int(waiting[4 * depth + 1])
            begin, end = int(waiting[4 * depth + 2]), int(waiting[4 * depth + 3])
            if length == max_len:
                continue
            n_met = weigh_extensions(baskets, places, worths, begin, end, sizes, utility, lost, bound, met)
            first, stop = begin, end
            met[:n_met].sort()
            for i in range(n_met):
                item = int(met[i])
                if bound[item] >= least:
                    found = noted(found, n_found, parent, item, sizes[item])
                    worth_of = grown(worth_of, n_found + 1)
                    worth_of[n_found] = utility[item] + lost[item]
                    waiting = queued(waiting, depth, n_found, length + 1, end, end + sizes[item])
                    slots[item], end = end, int(end + sizes[item])
                    n_found, depth = n_found + 1, depth + 1
            places, worths = grown(places, end), grown(worths, end)
            place_worths(baskets, places, worths, first, stop, slots)
            for i in range(n_met):
                item = int(met[i])
                sizes[item], slots[item], utility[item], lost[item], bound[item] = 0, NONE, 0.0, 0.0, 0.0
    return found[: 3 * n_found], worth_of[:n_found]
