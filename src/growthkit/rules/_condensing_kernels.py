"""Kernels that choose the closed and maximal itemsets and the generators among what the search found, and write them.

An itemset begins where the one before it ends. Its items are ranks, the rarest (of the highest rank) first.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.jit import kernel
from ..typing import AnyArray, BoolArray, Int32Array, Int64Array

END, COUNT, HASH = range(3)
"""Columns of the itemsets, as in `_condensed_kernels`."""


@kernel
def begin_of(sets: Int64Array, i: Any) -> Any:
    """Return where itemset i begins."""
    return sets[i - 1, END] if i else 0


@kernel
def has_all(sets: Int64Array, codes: Int32Array, one: Any, many: Any) -> bool:
    """Return whether itemset `many` has all items of itemset `one`."""
    for i in range(begin_of(sets, one), sets[one, END]):
        found = False
        for j in range(begin_of(sets, many), sets[many, END]):
            found |= codes[j] == codes[i]
        if not found:
            return False
    return True


@kernel
def is_part_of_another(sets: Int64Array, codes: Int32Array, one: int) -> bool:
    """Return whether a longer itemset in as many baskets has all items of itemset `one`; looks at all."""
    length = sets[one, END] - begin_of(sets, one)
    for many in range(len(sets)):
        if (
            sets[many, COUNT] == sets[one, COUNT]
            and sets[many, END] - begin_of(sets, many) > length
            and has_all(sets, codes, one, many)
        ):
            return True
    return False


@kernel
def keep_longest(sets: Int64Array, codes: Int32Array, table: Int32Array, slots: Int32Array, kept: BoolArray) -> None:
    """Mark the longest of the itemsets that stand in the same baskets.

    Those have the same count and hash, and are parts of the longest, which is verified: if ever different baskets have
    the same hash, the itemset is compared with all. `table` has a power of 2 of slots, all -1.
    """
    mask = table.size - 1
    for i in range(len(sets)):
        slot = (sets[i, HASH] ^ sets[i, COUNT]) & mask
        length = sets[i, END] - begin_of(sets, i)
        while table[slot] >= 0 and (
            sets[table[slot], HASH] != sets[i, HASH] or sets[table[slot], COUNT] != sets[i, COUNT]
        ):
            slot = (slot + 1) & mask
        best = table[slot]
        if best < 0 or sets[best, END] - begin_of(sets, best) < length:
            table[slot] = i
        slots[i] = slot
    for i in range(len(sets)):
        best = table[slots[i]]
        kept[i] = best == i or (not has_all(sets, codes, i, best) and not is_part_of_another(sets, codes, i))


@kernel
def salt(item: Any) -> Any:
    """Return a random-looking number for an item (the finaliser of splitmix64)."""
    mixed = np.uint64(item + 1) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.int64(mixed ^ (mixed >> np.uint64(31)))


@kernel
def mix(code: Any, count: Any) -> Any:
    """Return a hash of an itemset with a hash of its items and a count."""
    mixed = (np.uint64(code) ^ np.uint64(count)) * np.uint64(0x9E3779B97F4A7C15)
    return mixed >> np.uint64(24)


@kernel
def enter_sets(sets: Int64Array, codes: Int32Array, salts: Int64Array, seen: AnyArray, table: Int32Array) -> None:
    """Enter the itemsets in a table by their counts and hashes, which are written, and set the bits of these."""
    mask, mask_of_bits, begin = np.uint64(table.size - 1), np.uint64(64 * seen.size - 1), np.uint64(0)
    for i in range(len(sets)):
        total, end = np.int64(0), np.uint64(sets[i, END])
        for at in range(begin, end):
            total += salts[np.uint32(codes[at])]
        begin, sets[i, HASH] = end, total
        code = mix(total, sets[i, COUNT])
        bit = code & mask_of_bits
        seen[bit >> np.uint64(6)] |= np.uint64(1) << (bit & np.uint64(63))
        slot = code & mask
        while table[slot] >= 0:
            slot = (slot + np.uint64(1)) & mask
        table[slot] = i


@kernel
def drop_part(sets: Int64Array, codes: Int32Array, i: Any, wanted: Any, table: Int32Array, kept: BoolArray) -> None:
    """Unmark the itemset that is itemset i without one item, and has the hash `wanted`, if it has the same count."""
    mask, length = np.uint64(table.size - 1), sets[i, END] - begin_of(sets, i)
    slot = mix(wanted, sets[i, COUNT]) & mask
    while table[slot] >= 0:
        part = table[slot]
        if (
            sets[part, HASH] == wanted
            and sets[part, COUNT] == sets[i, COUNT]
            and sets[part, END] - begin_of(sets, part) == length - 1
            and has_all(sets, codes, part, i)
        ):
            kept[part] = False
            return
        slot = (slot + np.uint64(1)) & mask


@kernel
def keep_closed(
    sets: Int64Array, codes: Int32Array, salts: Int64Array, seen: AnyArray, table: Int32Array, kept: BoolArray
) -> None:
    """Mark the itemsets that are not what is left of another of the same count without its rarest item.

    A node of a local database that is not closed is: with the most frequent of the rarer items that stand in all of its
    baskets it is a node of that item. `table` has a power of 2 of slots, all -1, and `seen` of words, all 0. The
    column of hashes is filled with sums of the items' `salts`.
    """
    enter_sets(sets, codes, salts, seen, table)
    mask, begin = np.uint64(64 * seen.size - 1), np.uint64(0)
    for i in range(len(sets)):
        code, count, end = sets[i, HASH], sets[i, COUNT], np.uint64(sets[i, END])
        wanted = code - salts[np.uint32(codes[begin])]
        bit = mix(wanted, count) & mask
        if seen[bit >> np.uint64(6)] >> (bit & np.uint64(63)) & np.uint64(1):
            drop_part(sets, codes, i, wanted, table, kept)
        begin = end


@kernel
def is_without(sets: Int64Array, codes: Int32Array, i: int, left_out: int, other: Any) -> bool:
    """Return whether itemset `other` is itemset i without the item at `left_out`."""
    place = begin_of(sets, other)
    if sets[other, END] - place != sets[i, END] - begin_of(sets, i) - 1:
        return False
    for at in range(begin_of(sets, i), sets[i, END]):
        if at == left_out:
            continue
        if codes[place] != codes[at]:
            return False
        place += 1
    return True


@kernel
def keep_generators(sets: Int64Array, codes: Int32Array, table: Int32Array, kept: BoolArray) -> None:
    """Mark the itemsets all of whose parts with one item less are among them and more frequent.

    Without its last item each is, as it was found. The column of hashes is filled. `table` has a power of 2 of slots,
    all -1.
    """
    mask = table.size - 1
    for i in range(len(sets)):
        total = np.int64(0)
        for at in range(begin_of(sets, i), sets[i, END]):
            total += salt(codes[at])
        sets[i, HASH] = total
        slot = total & mask
        while table[slot] >= 0:
            slot = (slot + 1) & mask
        table[slot] = i
    for i in range(len(sets)):
        kept[i] = True
        for left_out in range(begin_of(sets, i), sets[i, END] - 1):
            wanted = sets[i, HASH] - salt(codes[left_out])
            slot = wanted & mask
            while table[slot] >= 0 and not (
                sets[table[slot], HASH] == wanted and is_without(sets, codes, i, left_out, table[slot])
            ):
                slot = (slot + 1) & mask
            if table[slot] < 0 or sets[table[slot], COUNT] == sets[i, COUNT]:
                kept[i] = False
                break


@kernel
def list_holders(
    sets: Int64Array, codes: Int32Array, n_items: int
) -> tuple[Int64Array, Int32Array, Int64Array, Int32Array]:
    """Return which itemsets begin with each item, and which hold it further on, each as a list of lists."""
    firsts, others = np.zeros(n_items + 1, np.int64), np.zeros(n_items + 1, np.int64)
    for i in range(len(sets)):
        firsts[codes[begin_of(sets, i)] + 1] += 1
        for at in range(begin_of(sets, i) + 1, sets[i, END]):
            others[codes[at] + 1] += 1
    for item in range(n_items):
        firsts[item + 1] += firsts[item]
        others[item + 1] += others[item]
    next_first, next_other = firsts.copy(), others.copy()
    by_first, by_other = np.empty(firsts[-1], np.int32), np.empty(others[-1], np.int32)
    for i in range(len(sets)):
        start = begin_of(sets, i)
        by_first[next_first[codes[start]]] = i
        next_first[codes[start]] += 1
        for at in range(start + 1, sets[i, END]):
            by_other[next_other[codes[at]]] = i
            next_other[codes[at]] += 1
    return firsts, by_first, others, by_other


@kernel
def keep_maximal(sets: Int64Array, codes: Int32Array, n_items: int, kept: BoolArray) -> None:
    """Mark the itemsets that are part of no other.

    For each item, the sets that begin with a rarer one and hold it become sets of bits of the items after it. Those
    that begin with the item must not be part of any of these; among themselves none is part of another.
    """
    firsts, by_first, others, by_other = list_holders(sets, codes, n_items)
    index = np.zeros(1024, np.int64)
    for item in range(n_items):
        low, n = others[item], others[item + 1] - others[item]
        if firsts[item] == firsts[item + 1]:
            continue
        words = (n + 63) >> 6
        if item * words > index.size:
            index = np.zeros(2 * item * words, np.int64)
        for t in range(n):
            many = by_other[low + t]
            for at in range(begin_of(sets, many), sets[many, END]):
                if codes[at] < item:
                    index[codes[at] * words + (t >> 6)] |= np.int64(1) << (t & 63)
        for place in range(firsts[item], firsts[item + 1]):
            one = by_first[place]
            start, kept[one] = begin_of(sets, one) + 1, True
            for word in range(words):
                common = np.int64(-1) if word < n >> 6 else (np.int64(1) << (n & 63)) - 1
                for at in range(start, sets[one, END]):
                    common &= index[codes[at] * words + word]
                    if common == 0:
                        break
                if common:
                    kept[one] = False
                    break
        for t in range(n):
            many = by_other[low + t]
            for at in range(begin_of(sets, many), sets[many, END]):
                if codes[at] < item:
                    index[codes[at] * words + (t >> 6)] = 0


@kernel
def write(
    sets: Int64Array,
    codes: Int32Array,
    kept: BoolArray,
    code_of: Int32Array,
    n_always: int,
    indptr: Int64Array,
    counts: Int64Array,
    out: Int32Array,
) -> None:
    """Write the itemsets that are kept and the last `n_always` items, by their codes in rising order."""
    n = size = 0
    for i in range(len(sets)):
        if not kept[i]:
            continue
        start, first = begin_of(sets, i), size
        for at in range(start, sets[i, END] + n_always):
            code = code_of[codes[at] if at < sets[i, END] else code_of.size - 1 - at + sets[i, END]]
            left = size
            while left > first and out[left - 1] > code:
                out[left] = out[left - 1]
                left -= 1
            out[left] = code
            size += 1
        counts[n] = sets[i, COUNT]
        n += 1
        indptr[n] = size


@kernel
def most_specific(
    codes: Int32Array, indptr: Int64Array, starts: Int64Array, ancestors: Int32Array
) -> tuple[Int32Array, Int64Array]:
    """Return the itemsets without the ancestors of their own items, and where each begins.

    The ancestors of item i are ``ancestors[starts[i]:starts[i + 1]]``.
    """
    barred = np.full(starts.size, -1, np.int64)
    kept, begins = np.empty(codes.size, np.int32), np.zeros(indptr.size, np.int64)
    size = 0
    for itemset in range(indptr.size - 1):
        for at in range(indptr[itemset], indptr[itemset + 1]):
            for place in range(starts[codes[at]], starts[codes[at] + 1]):
                barred[ancestors[place]] = itemset
        for at in range(indptr[itemset], indptr[itemset + 1]):
            kept[size] = codes[at]
            size += barred[codes[at]] != itemset
        begins[itemset + 1] = size
    return kept[:size].copy(), begins
