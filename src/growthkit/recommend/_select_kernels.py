"""Kernels of selection and of neighbourhoods: the k best of a row of scores, dense or gathered from sparse rows.

A candidate is one whole number of 64 bits: the score in an order-preserving form above, the complement of its code
below. So one comparison decides, ties included, and the result does not depend on the order in which candidates come.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.jit import kernel
from ..typing import AnyArray, BoolArray, Int32Array, Int64Array

LOW = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)
SIGN = np.uint32(0x80000000)
NOTHING = np.uint64(0x007FFFFF_FFFFFFFF)
"""The largest key of a score of minus infinity: what is above has a score."""

NOBODY = np.uint64(0x80000000_FFFFFFFF)
"""The largest key of a score of 0: what is above has a positive score."""

UNTOUCHED = np.float32(-0.0)
"""Stands in sums that nothing was added to: no sum is minus zero once something other than it was added."""

INSERTION = 24
"""Runs of this length are sorted by insertion."""

SAMPLE = 5
"""Keys among which a pivot is chosen."""

CHUNK = 64
"""Scores that are compared with the threshold together."""


@kernel
def pack(bits: Any, code: int) -> Any:
    """Return the key of a code whose float32 score has these bits; minus zero counts as zero."""
    bits = np.uint32(0) if bits == SIGN else bits
    ordered = ~bits if bits & SIGN else bits | SIGN
    return (np.uint64(ordered) << HALF) | (LOW - np.uint64(code))


@kernel
def code_of(key: Any) -> Any:
    """Return the code of a key."""
    return np.int32(LOW - (key & LOW))


@kernel
def bits_of(key: Any) -> Any:
    """Return the bits of the score of a key."""
    ordered = np.uint32(key >> HALF)
    return ordered ^ SIGN if ordered & SIGN else ~ordered


@kernel
def sort_by_insertion(keys: AnyArray, start: int, stop: int) -> None:
    """Sort ``keys[start:stop]``, the largest first."""
    for i in range(start + 1, stop):
        key = keys[i]
        j = i
        while j > start and keys[j - 1] < key:
            keys[j] = keys[j - 1]
            j -= 1
        keys[j] = key


@kernel
def pivot_of(keys: AnyArray, start: int, stop: int, wanted: int, sample: AnyArray) -> int:
    """Return a key that about ``wanted - start`` keys of ``keys[start:stop]`` exceed, and at least one."""
    step = (stop - start) // SAMPLE
    for s in range(SAMPLE):
        sample[s] = keys[start + s * step]
    sort_by_insertion(sample, 0, SAMPLE)
    return sample[max(1, min(SAMPLE - 1, ((wanted - start) * SAMPLE + step) // (stop - start)))]


@kernel
def keep_largest(keys: AnyArray, n: int, k: int) -> None:
    """Bring the `k` largest of the first `n` keys, which are distinct, to the front, in no order.

    Quickselect; the partition has no branch to mispredict.
    """
    sample = np.empty(SAMPLE, np.uint64)
    start, stop = 0, n
    while stop - start > INSERTION:
        pivot = pivot_of(keys, start, stop, k, sample)
        middle = start
        for i in range(start, stop):
            key = keys[i]
            keys[i] = keys[middle]
            keys[middle] = key
            middle += key > pivot
        if middle == k:
            return
        if middle > k:
            stop = middle
        else:
            start = middle
    sort_by_insertion(keys, start, stop)


@kernel
def sort_down(keys: AnyArray, n: int) -> None:
    """Sort the first `n` keys, the largest first."""
    if n > INSERTION:
        keys[:n] = np.sort(keys[:n])[::-1]
    else:
        sort_by_insertion(keys, 0, n)


@kernel
def largest(bits: AnyArray, k: int, keys: AnyArray) -> int:
    """Put the keys of the `k` best of a dense row into `keys`, best first, and return how many there are.

    `bits` are those of the scores; a score of minus infinity is none. `keys` has more than k places.
    """
    lowest, n = NOTHING, 0
    for code in range(bits.size):
        key = pack(bits[code], code)
        if key > lowest:
            keys[n] = key
            n += 1
            if n == keys.size:
                keep_largest(keys, n, k)
                n = k
                lowest = keys[:k].min()
    if n > k:
        keep_largest(keys, n, k)
        n = k
    sort_down(keys, n)
    return n


@kernel
def allowed_under_caps(
    keys: AnyArray, n: int, groups: Int32Array, cap: int, counts: Int32Array, k: int, chosen: AnyArray
) -> int:
    """Take the best keys in order while their group has room; return how many were taken (at most `k`)."""
    taken = 0
    for i in range(n):
        if taken == k:
            break
        group = groups[code_of(keys[i])]
        if group >= 0:
            if counts[group] >= cap:
                continue
            counts[group] += 1
        chosen[taken] = keys[i]
        taken += 1
    return taken


@kernel
def select_rows(
    scores: AnyArray,
    start: int,
    excluded_indptr: Int64Array,
    excluded: Int32Array,
    groups: Int32Array,
    n_groups: int,
    cap: int,
    items: Int32Array,
    best: AnyArray,
) -> None:
    """Fill the free places at the end of rows of `items` and `best` from a block of scores, which is used up.

    Row r of `scores` belongs to row ``start + r`` of all others. Arrays of length 0 stand for what was not asked for.
    Items that already stand in a row are not chosen again and count against the caps.
    """
    n_items, k = scores.shape[1], items.shape[1]
    keys = np.empty(n_items + 1 if n_groups else max(2 * k, 256), np.uint64)
    chosen = np.empty(k, np.uint64)
    counts = np.zeros(n_groups, np.int32)
    for r in range(scores.shape[0]):
        row, line = start + r, scores[r]
        if excluded_indptr.size:
            for e in range(excluded_indptr[row], excluded_indptr[row + 1]):
                line[excluded[e]] = -np.inf
        counts[:] = 0
        filled = 0
        while filled < k and items[row, filled] >= 0:
            item = items[row, filled]
            line[item] = -np.inf
            if n_groups and groups[item] >= 0:
                counts[groups[item]] += 1
            filled += 1
        if filled == k:
            continue
        bits = line.view(np.uint32)
        if n_groups:
            n = largest(bits, n_items, keys)
            n = allowed_under_caps(keys, n, groups, cap, counts, k - filled, chosen)
        else:
            n = largest(bits, k - filled, keys)
            chosen[:n] = keys[:n]
        for i in range(n):
            item = code_of(chosen[i])
            items[row, filled + i] = item
            best[row, filled + i] = line[item] + np.float32(0)


# Sparse rows ---------------------------------------------------------------------------------------------------------


@kernel
def count_all(features: Int32Array, weight: AnyArray, indptr: Int64Array, codes: AnyArray, sums: AnyArray) -> None:
    """Add the weight of each feature to the sums of all rows that have it; the rows of one feature are distinct."""
    for f in features:
        w = weight[f]
        t, stop = indptr[f], indptr[f + 1]
        while t + 4 <= stop:  # four at a time, since they cannot depend on each other
            a, b, c, d = codes[t], codes[t + 1], codes[t + 2], codes[t + 3]
            w_a, w_b, w_c, w_d = sums[a] + w, sums[b] + w, sums[c] + w, sums[d] + w
            sums[a], sums[b], sums[c], sums[d] = w_a, w_b, w_c, w_d
            t += 4
        while t < stop:
            sums[codes[t]] += w
            t += 1


@kernel
def count_touched(
    features: Int32Array, weight: AnyArray, indptr: Int64Array, codes: AnyArray, sums: AnyArray, touched: Int32Array
) -> Any:
    """Do as `count_all` does, but list the rows that were touched, and return how many there are."""
    n = 0
    for f in features:
        w = weight[f]
        if w > 0:
            for t in range(indptr[f], indptr[f + 1]):
                row = codes[t]
                total = sums[row]
                touched[n] = row
                n += total == 0
                sums[row] = total + w
    return n


@kernel
def add_touched(
    features: Int32Array,
    weights: AnyArray,
    indptr: Int64Array,
    codes: AnyArray,
    values: AnyArray,
    sums: AnyArray,
    touched: Int32Array,
) -> int:
    """Add ``weight * value`` to the sums of all rows that have a feature; list these rows and return how many."""
    n, zero, bits = 0, np.float32(0), sums.view(np.uint32)
    for e in range(features.size):
        f, w = features[e], weights[e]
        for t in range(indptr[f], indptr[f + 1]):
            row = codes[t]
            touched[n] = row
            n += bits[row] == SIGN
            sums[row] += w * values[t] + zero  # which is not minus zero
    return n


@kernel
def add_squares(
    features: Int32Array, weights: AnyArray, indptr: Int64Array, codes: AnyArray, values: AnyArray, squares: AnyArray
) -> None:
    """Add, for all rows that have a feature, the squares of ``weight`` and of ``value``."""
    for e in range(features.size):
        f, w = features[e], weights[e]
        for t in range(indptr[f], indptr[f + 1]):
            squares[0, codes[t]] += w * w
            squares[1, codes[t]] += values[t] * values[t]


@kernel
def likeness(product: Any, query: AnyArray, row: AnyArray, gamma: Any, shrinkage: Any, ratio: bool) -> Any:
    """Return the similarity of a query and a row from their inner product and two numbers of each."""
    scale = query[0] * row[0]
    if not ratio:
        return product * scale
    norm = scale + (query[1] + row[1]) + gamma * product + shrinkage
    return product / norm if norm > 0 else np.float32(0)


@kernel
def take_touched(
    touched: Int32Array, n_touched: int, sums: AnyArray, lowest: Any, k: int, empty: Any, keys: AnyArray
) -> Any:
    """Put the keys above `lowest` of the touched rows into `keys`, empty their sums, keep the best.

    A touched row that has been emptied before is left out.
    """
    bits = sums.view(np.uint32)
    n = 0
    for t in range(n_touched):
        row = touched[t]
        key = pack(bits[row], row)
        present = bits[row] != empty
        bits[row] = empty
        keys[n] = key
        n += (key > lowest) & present
        if n == keys.size:
            keep_largest(keys, n, k)
            n = k
            lowest = keys[:k].min()
    return n


@kernel
def take_all(sums: AnyArray, k: int, keys: AnyArray) -> Any:
    """Put the keys of all sums above 0 into `keys`, clear the sums, keep the best; no sum is negative."""
    bits = sums.view(np.uint32)
    lowest, low, n = NOBODY, np.uint32(0), 0
    for first in range(0, bits.size, CHUNK):
        chunk = bits[first : first + CHUNK]
        n_hits = 0
        for j in range(chunk.size):
            n_hits += chunk[j] >= low
        if n_hits:
            for j in range(chunk.size):
                key = pack(chunk[j], first + j)
                keys[n] = key
                n += key > lowest
                if n == keys.size:
                    keep_largest(keys, n, k)
                    n = k
                    lowest = keys[:k].min()
                    low = bits_of(lowest)
        chunk[:] = 0
    return n


@kernel
def give(keys: AnyArray, n: int, k: int, ordered: bool, codes: Int32Array, scores: AnyArray) -> None:
    """Write the `k` best of `n` keys to a row of codes and scores."""
    if n > k:
        keep_largest(keys, n, k)
        n = k
    if ordered:
        sort_down(keys, n)
    bits = scores.view(np.uint32)
    for i in range(n):
        codes[i] = code_of(keys[i])
        bits[i] = bits_of(keys[i])


@kernel
def nearest_by_count(
    first: int,
    last: int,
    query_indptr: Int64Array,
    query: Int32Array,
    weight: AnyArray,
    indptr: Int64Array,
    codes: AnyArray,
    query_side: AnyArray,
    row_side: AnyArray,
    gamma: Any,
    shrinkage: Any,
    ratio: bool,
    own: Int32Array,
    out: Int32Array,
    scores: AnyArray,
) -> None:
    """Find the rows nearest to queries `first` to `last`, in no order, where all entries are 1: only indices are read.

    Query r has the features ``query[query_indptr[r]:query_indptr[r + 1]]``; feature f is had by the rows
    ``codes[indptr[f]:indptr[f + 1]]``; row ``own[r]`` is the query itself, -1 for none.
    """
    n_rows, k = row_side.shape[0], out.shape[1]
    sums, touched = np.zeros(n_rows, np.float32), np.empty(n_rows + 1, np.int32)
    keys = np.empty(max(4 * k, 256), np.uint64)
    for r in range(first, last):
        features = query[query_indptr[r] : query_indptr[r + 1]]
        side, work = query_side[r], 0
        for f in features:
            work += indptr[f + 1] - indptr[f]
        dense = 2 * work > n_rows
        if dense:
            count_all(features, weight, indptr, codes, sums)
            n = n_rows
        else:
            n = count_touched(features, weight, indptr, codes, sums, touched)
        if own[r] >= 0:
            sums[own[r]] = 0
        for t in range(n):
            j = t if dense else touched[t]
            sums[j] = likeness(sums[j], side, row_side[j], gamma, shrinkage, ratio)
        n = take_all(sums, k, keys) if dense else take_touched(touched, n, sums, NOBODY, k, np.uint32(0), keys)
        give(keys, n, k, False, out[r], scores[r])


@kernel
def nearest_by_value(
    first: int,
    last: int,
    query_indptr: Int64Array,
    query: Int32Array,
    weights: AnyArray,
    indptr: Int64Array,
    codes: AnyArray,
    values: AnyArray,
    query_side: AnyArray,
    row_side: AnyArray,
    gamma: Any,
    shrinkage: Any,
    ratio: bool,
    correlation: bool,
    own: Int32Array,
    out: Int32Array,
    scores: AnyArray,
) -> None:
    """Do as `nearest_by_count` does where entries are any numbers; a correlation goes by the common features only."""
    n_rows, k = row_side.shape[0], out.shape[1]
    sums, touched = np.full(n_rows, UNTOUCHED), np.empty(n_rows + 1, np.int32)
    squares = np.zeros((2, n_rows if correlation else 0), np.float32)
    keys = np.empty(max(4 * k, 256), np.uint64)
    for r in range(first, last):
        start, stop = query_indptr[r], query_indptr[r + 1]
        n = add_touched(query[start:stop], weights[start:stop], indptr, codes, values, sums, touched)
        if correlation:
            add_squares(query[start:stop], weights[start:stop], indptr, codes, values, squares)
        for t in range(n):
            j = touched[t]
            if correlation:
                norm = np.sqrt(squares[0, j]) * np.sqrt(squares[1, j]) + shrinkage
                sums[j] = sums[j] / norm if norm > 0 else np.float32(0)
                squares[:, j] = 0
            else:
                sums[j] = likeness(sums[j], query_side[r], row_side[j], gamma, shrinkage, ratio)
            sums[j] += np.float32(0)
        if own[r] >= 0:
            sums[own[r]] = UNTOUCHED
        n = take_touched(touched, n, sums, NOTHING, k, SIGN, keys)
        give(keys, n, k, False, out[r], scores[r])


@kernel
def walk(
    first: int,
    last: int,
    row_indptr: Int64Array,
    row_codes: Int32Array,
    row_values: AnyArray,
    indptr: Int64Array,
    codes: Int32Array,
    values: AnyArray,
    n_items: int,
    excluded_indptr: Int64Array,
    excluded: Int32Array,
    mask: BoolArray,
    boost: AnyArray,
    out: Int32Array,
    scores: AnyArray,
) -> None:
    """Rank what rows `first` to `last` reach: the product of each row with the table (indptr, codes, values)."""
    k = out.shape[1]
    sums, touched = np.full(n_items, UNTOUCHED), np.empty(n_items + 1, np.int32)
    bits = sums.view(np.uint32)
    keys = np.empty(max(4 * k, 256), np.uint64)
    for r in range(first, last):
        a, b = row_indptr[r], row_indptr[r + 1]
        n = add_touched(row_codes[a:b], row_values[a:b], indptr, codes, values, sums, touched)
        if excluded_indptr.size:
            for e in range(excluded_indptr[r], excluded_indptr[r + 1]):
                sums[excluded[e]] = UNTOUCHED
        for t in range(n if boost.size + mask.size else 0):
            j = touched[t]
            if mask.size and not mask[j]:
                sums[j] = UNTOUCHED
            elif boost.size and bits[j] != SIGN:
                sums[j] = (sums[j] * boost[j] if sums[j] >= 0 else sums[j] / boost[j]) + np.float32(0)
        n = take_touched(touched, n, sums, NOTHING, k, SIGN, keys)
        give(keys, n, k, True, out[r], scores[r])


@kernel
def walk_dense(
    row_indptr: Int64Array,
    row_codes: Int32Array,
    row_values: AnyArray,
    indptr: Int64Array,
    codes: Int32Array,
    values: AnyArray,
    scores: AnyArray,
) -> None:
    """Write what `walk` ranks to dense rows; minus infinity where an item is not reached."""
    touched = np.empty(scores.shape[1] + 1, np.int32)
    scores[:] = UNTOUCHED
    for r in range(scores.shape[0]):
        a, b = row_indptr[r], row_indptr[r + 1]
        add_touched(row_codes[a:b], row_values[a:b], indptr, codes, values, scores[r], touched)
        bits = scores[r].view(np.uint32)
        for j in range(bits.size):
            if bits[j] == SIGN:
                scores[r, j] = -np.inf
