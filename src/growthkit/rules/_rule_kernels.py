"""Kernels that make rules from itemsets: a hash table of sets, the enumeration of rules, their parents."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.jit import kernel
from ..typing import AnyArray, BoolArray, Int32Array, Int64Array

EMPTY = -1


@kernel
def set_hashes(indptr: Int64Array, codes: Int32Array, salts: AnyArray, hashes: AnyArray) -> None:
    """Write the hash of each set: the sum of its items' salts, so that items can be taken away again."""
    for row in range(indptr.size - 1):
        total = np.uint64(0)
        for k in range(indptr[row], indptr[row + 1]):
            total += salts[codes[k]]
        hashes[row] = total


@kernel
def first_slot(key: Any, n_slots: int) -> Any:
    """Return where the search for a hash begins; `n_slots` is a power of 2."""
    mixed = key ^ (key >> np.uint64(32))
    return np.int64(mixed & np.uint64(n_slots - 1))


@kernel
def equal_rows(indptr: Int64Array, codes: Int32Array, one: Any, two: int) -> bool:
    """Whether two sets hold the same codes."""
    length = indptr[one + 1] - indptr[one]
    if indptr[two + 1] - indptr[two] != length:
        return False
    same = True
    for k in range(length):
        same = same and codes[indptr[one] + k] == codes[indptr[two] + k]
    return same


@kernel
def index_sets(indptr: Int64Array, codes: Int32Array, hashes: AnyArray, slots: Int32Array, same_as: Int32Array) -> int:
    """Put all sets into the hash table; `same_as` names the first set equal to each. Return how many differ."""
    n_slots = slots.size
    distinct = 0
    for row in range(indptr.size - 1):
        slot = first_slot(hashes[row], n_slots)
        while True:
            held = slots[slot]
            if held == EMPTY:
                slots[slot] = row
                same_as[row] = row
                distinct += 1
                break
            if hashes[held] == hashes[row] and equal_rows(indptr, codes, held, row):
                same_as[row] = held
                break
            slot = (slot + 1) & (n_slots - 1)
    return distinct


@kernel
def find_sets(
    indptr: Int64Array,
    codes: Int32Array,
    hashes: AnyArray,
    slots: Int32Array,
    wanted_indptr: Int64Array,
    wanted_codes: Int32Array,
    wanted_hashes: AnyArray,
    found: Int64Array,
) -> None:
    """Write for each wanted set its place in the table, -1 where it is not there."""
    n_slots = slots.size
    for row in range(wanted_indptr.size - 1):
        start, length = wanted_indptr[row], wanted_indptr[row + 1] - wanted_indptr[row]
        slot = first_slot(wanted_hashes[row], n_slots)
        found[row] = -1
        while slots[slot] != EMPTY:
            held = slots[slot]
            same = hashes[held] == wanted_hashes[row] and indptr[held + 1] - indptr[held] == length
            k = 0
            while same and k < length:
                same = codes[indptr[held] + k] == wanted_codes[start + k]
                k += 1
            if same:
                found[row] = held
                break
            slot = (slot + 1) & (n_slots - 1)


@kernel
def find_rest(
    indptr: Int64Array,
    codes: Int32Array,
    hashes: AnyArray,
    slots: Int32Array,
    row: int,
    left_out: Int32Array,
    n_out: int,
    key: Any,
) -> Any:
    """Return the place of set `row` without the items at `left_out` (rising positions), -1 where it is not there."""
    n_slots = slots.size
    start, stop = indptr[row], indptr[row + 1]
    slot = first_slot(key, n_slots)
    while slots[slot] != EMPTY:
        held = slots[slot]
        if hashes[held] == key and indptr[held + 1] - indptr[held] == stop - start - n_out:
            at, out, same = indptr[held], 0, True
            for k in range(start, stop):
                if out < n_out and k - start == left_out[out]:
                    out += 1
                elif codes[k] != codes[at]:
                    same = False
                    break
                else:
                    at += 1
            if same:
                return held
        slot = (slot + 1) & (n_slots - 1)
    return -1


@kernel
def find_part(
    indptr: Int64Array,
    codes: Int32Array,
    hashes: AnyArray,
    slots: Int32Array,
    row: int,
    taken: Int32Array,
    n_taken: int,
    key: Any,
) -> Any:
    """Return the place of the items of set `row` at the positions `taken` (rising), -1 where they are not there."""
    n_slots = slots.size
    start = indptr[row]
    slot = first_slot(key, n_slots)
    while slots[slot] != EMPTY:
        held = slots[slot]
        if hashes[held] == key and indptr[held + 1] - indptr[held] == n_taken:
            same = True
            for k in range(n_taken):
                if codes[indptr[held] + k] != codes[start + taken[k]]:
                    same = False
                    break
            if same:
                return held
        slot = (slot + 1) & (n_slots - 1)
    return -1


@kernel
def rest_count(
    indptr: Int64Array,
    codes: Int32Array,
    counts: Int64Array,
    item_counts: Int64Array,
    hashes: AnyArray,
    slots: Int32Array,
    row: int,
    left_out: Int32Array,
    n_out: int,
    key: Any,
) -> Any:
    """Return the count of set `row` without the items at `left_out`, -1 where it is not known."""
    length = indptr[row + 1] - indptr[row]
    if n_out + 1 == length:
        last = length * (length - 1) // 2
        for k in range(n_out):
            last -= left_out[k]
        return item_counts[codes[indptr[row] + last]]
    held = find_rest(indptr, codes, hashes, slots, row, left_out, n_out, key)
    return counts[held] if held >= 0 else np.int64(-1)


@kernel
def part_count(
    indptr: Int64Array,
    codes: Int32Array,
    counts: Int64Array,
    hashes: AnyArray,
    slots: Int32Array,
    row: int,
    taken: Int32Array,
    n_taken: int,
    key: Any,
) -> Any:
    """Return the count of the items of set `row` at the positions `taken`, -1 where it is not known."""
    held = find_part(indptr, codes, hashes, slots, row, taken, n_taken, key)
    return counts[held] if held >= 0 else np.int64(-1)


@kernel
def enumerate_rules(
    indptr: Int64Array,
    codes: Int32Array,
    counts: Int64Array,
    item_counts: Int64Array,
    salts: AnyArray,
    hashes: AnyArray,
    slots: Int32Array,
    in_antecedent: BoolArray,
    in_consequent: BoolArray,
    floor: float,
    first: int,
    last: int,
    itemset: Int64Array,
    positions: Int32Array,
    sizes: Int32Array,
    antecedent_counts: Int64Array,
    consequent_counts: Int64Array,
) -> tuple[int, Any]:
    """List the rules of itemsets `first` to `last` whose confidence is at least `floor`.

    Consequents are walked depth-first: first {i}, then {i, j}, ... A longer consequent leaves a shorter antecedent,
    which is in more baskets, so confidence only falls on the way down, and a consequent that fails ends its branch.
    Returns the number of rules and of counts that the table did not have (those are written as -1).
    """
    most = positions.shape[1]
    table = (indptr, codes, counts, item_counts, hashes, slots)
    at = np.empty(most + 1, np.int32)
    keys = np.zeros(most + 1, np.uint64)
    strangers = np.zeros(most + 1, np.int64)
    n = missing = 0
    for row in range(first, last):
        start = indptr[row]
        length = indptr[row + 1] - start
        if length < 2:
            continue
        strangers[0] = 0
        for k in range(start, indptr[row + 1]):
            strangers[0] += not in_antecedent[codes[k]]
        depth = 1
        at[0] = -1
        while depth > 0:
            at[depth - 1] += 1
            position = at[depth - 1]
            if position == length:
                depth -= 1
                continue
            item = codes[start + position]
            if not in_consequent[item]:
                continue
            keys[depth] = keys[depth - 1] + salts[item]
            strangers[depth] = strangers[depth - 1] - (not in_antecedent[item])
            descend = depth < most and depth + 1 < length
            if strangers[depth] == 0:
                x = rest_count(*table, row, at, depth, hashes[row] - keys[depth])
                y = item_counts[item]
                if depth > 1:
                    y = part_count(indptr, codes, counts, hashes, slots, row, at, depth, keys[depth])
                missing += (x < 0) + (y < 0)
                if x < 0 or counts[row] / x >= floor:
                    itemset[n] = row
                    antecedent_counts[n] = x
                    consequent_counts[n] = y
                    sizes[n] = depth
                    for k in range(depth):
                        positions[n, k] = at[k]
                    n += 1
                else:
                    descend = False
            if descend:
                at[depth] = position
                depth += 1
    return n, missing


@kernel
def split_rules(
    indptr: Int64Array,
    codes: Int32Array,
    itemset: Int64Array,
    positions: Int32Array,
    sizes: Int32Array,
    left_indptr: Int64Array,
    left: Int32Array,
    right_indptr: Int64Array,
    right: Int32Array,
) -> None:
    """Write the items of each rule's antecedent and consequent."""
    for rule in range(itemset.size):
        a, b, taken = left_indptr[rule], right_indptr[rule], 0
        start, stop = indptr[itemset[rule]], indptr[itemset[rule] + 1]
        for k in range(start, stop):
            if taken < sizes[rule] and k - start == positions[rule, taken]:
                right[b] = codes[k]
                b += 1
                taken += 1
            else:
                left[a] = codes[k]
                a += 1


@kernel
def shorter(
    rows: Int32Array, keys: AnyArray, salts: AnyArray, width: int, slots: Int32Array, parents: Int32Array
) -> int:
    """Find the distinct sets that are left when one of the first `width` columns of a row is taken away.

    Row r without column j is number ``r * width + j``; `parents` gets for each the number of the first equal to it.
    Returns how many differ.
    """
    n_slots = slots.size
    length = rows.shape[1]
    distinct = 0
    for row in range(rows.shape[0]):
        for j in range(width):
            number = row * width + j
            key = keys[row] - salts[rows[row, j]]
            slot = first_slot(key, n_slots)
            while True:
                held = slots[slot]
                if held == EMPTY:
                    slots[slot] = number
                    parents[number] = number
                    distinct += 1
                    break
                other, gap = held // width, held % width
                same = keys[other] - salts[rows[other, gap]] == key
                k = 0
                while same and k < length - 1:
                    same = rows[row, k + (k >= j)] == rows[other, k + (k >= gap)]
                    k += 1
                if same:
                    parents[number] = held
                    break
                slot = (slot + 1) & (n_slots - 1)
    return distinct
