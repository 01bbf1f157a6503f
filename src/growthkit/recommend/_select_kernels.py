"""Kernels of selection and of neighbourhoods: the k best of a row of scores, dense or gathered from sparse rows.

A candidate is one whole number of 64 bits: the score in an order-preserving form above, the complement of its code
below. So one comparison decides, ties included, and the result does not depend on the order in which candidates come.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.instructions import prefetch
from .._core.jit import kernel
from ..typing import AnyArray, Int32Array, Int64Array

LOW = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)
SIGN = np.uint32(0x80000000)
MINUS_INFINITY, NOTHING = np.uint32(0xFF800000), np.uint64(0x007FFFFF_FFFFFFFF)
"""The bits of the score of what may not be chosen, and the largest key of it: what is above has a score."""

ANY = np.int32(-0x80000000)
"""The lowest number that bits can be read as."""

UNTOUCHED = np.float32(-0.0)
"""Stands in sums that nothing was added to: no sum is minus zero once something other than it was added."""

INSERTION, SAMPLE = 24, 5
"""Length of runs that are sorted by insertion; keys among which a pivot is chosen."""

CHUNK = 64
"""Scores of which only the best is compared with the threshold at first."""

SPARSE = 4
"""A row is summed up sparsely where it adds up less than one number for this many places."""

AHEAD, FETCHED, LINE = 3, 128, 16
"""Rows of a table that memory is asked for ahead, how many entries of each, and entries in a line of the cache."""


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
def keep_best(keys: AnyArray, n: Any, k: int, ordered: bool) -> Any:
    """Keep the `k` best of `n` keys, best first if `ordered`, and return how many there are."""
    if n > k:
        keep_largest(keys, n, k)
        n = k
    if ordered and n > INSERTION:
        keys[:n] = np.sort(keys[:n])[::-1]
    elif ordered:
        sort_by_insertion(keys, 0, n)
    return n


@kernel
def threshold_of(bits: Int32Array, k: int, tops: Int32Array, keys: AnyArray) -> Any:
    """Return bits of a score above 0 that at least `k` scores reach, or `ANY` if there may be none.

    That is the k-th best of the chunks' best: among numbers from 0 on, floats have the order of their bits.
    """
    if tops.size <= k:
        return ANY
    lowest, n = np.uint64(0), 0
    for c in range(tops.size):
        chunk, top = bits[c * CHUNK : (c + 1) * CHUNK], ANY
        for j in range(chunk.size):
            top = max(top, chunk[j])
        tops[c] = top
        key = (np.uint64(np.uint32(top) ^ SIGN) << HALF) | np.uint64(c)
        keys[n] = key
        n += key > lowest
        if n == keys.size:
            n = keep_best(keys, n, k, False)
            lowest = keys[:k].min()
    n = keep_best(keys, n, k, False)
    low = np.int32(np.uint32(keys[:k].min() >> HALF) ^ SIGN)
    return low if low > 0 else ANY


@kernel
def take_best(bits: AnyArray, empty: Any, codes: Int32Array, k: int, room: Int32Array, keys: AnyArray) -> int:
    """Put keys among which are those of the `k` best scores into `keys`, in no order, and return how many.

    `bits` are those of the scores; neither `empty` nor minus infinity is one. The code of a score stands in
    `codes`, or is its place if these are none. `room` has a place for each chunk, `keys` has more than k.
    """
    signed, tops = bits.view(np.int32), room[: (bits.size + CHUNK - 1) // CHUNK]
    low = threshold_of(signed, k, tops, keys)
    lowest, n = NOTHING, 0
    for c in range(tops.size):
        if low == ANY or tops[c] >= low:
            for j in range(c * CHUNK, min((c + 1) * CHUNK, bits.size)):
                if signed[j] >= low:
                    key = pack(bits[j], codes[j] if codes.size else j)
                    keys[n] = key
                    n += (key > lowest) & (bits[j] != empty)
                    if n == keys.size:
                        n = keep_best(keys, n, k, False)
                        lowest = keys[:k].min()
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
def select_rows(scores: AnyArray, start: int, excluded: Any, caps: Any, out: Any) -> None:
    """Fill the free places at the end of rows of `items` and `best` from a block of scores, which is used up.

    Row r of `scores` belongs to row ``start + r`` of what is excluded (indptr, codes) and of the output (items, their
    scores). `caps` are the groups, how many there are, and their cap. Arrays of length 0 stand for what was not asked
    for. Items that already stand in a row are not chosen again and count against the caps.
    """
    (excluded_indptr, excluded_codes), (groups, n_groups, cap), (items, best) = excluded, caps, out
    n_items, k = scores.shape[1], items.shape[1]
    keys = np.empty(n_items + 1 if n_groups else max(4 * k, 256), np.uint64)
    tops = np.empty(n_items // CHUNK + 1, np.int32)
    chosen = np.empty(k, np.uint64)
    counts = np.zeros(n_groups, np.int32)
    for r in range(scores.shape[0]):
        row, line = start + r, scores[r]
        if excluded_indptr.size:
            for e in range(excluded_indptr[row], excluded_indptr[row + 1]):
                line[excluded_codes[e]] = -np.inf
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
        wanted = n_items if n_groups else k - filled
        n = take_best(line.view(np.uint32), MINUS_INFINITY, groups[:0], wanted, tops, keys)
        n = keep_best(keys, n, wanted, True)
        if n_groups:
            n = allowed_under_caps(keys, n, groups, cap, counts, k - filled, chosen)
        else:
            chosen[:n] = keys[:n]
        for i in range(n):
            item = code_of(chosen[i])
            items[row, filled + i] = item
            best[row, filled + i] = line[item] + np.float32(0)


@kernel
def count_all(features: Int32Array, weight: AnyArray, indptr: Int64Array, codes: AnyArray, sums: AnyArray) -> None:
    """Add the weight of each feature to the sums of all rows that have it; the rows of one feature are distinct."""
    for f in features:
        w = weight[f]
        near = codes[indptr[f] : indptr[f + 1]]
        for t in range(near.size):
            sums[np.uint64(near[t])] += w  # a place without a sign, which needs no check for being negative


@kernel
def count_touched(
    features: Int32Array, weight: AnyArray, indptr: Int64Array, codes: AnyArray, sums: AnyArray, touched: Int32Array
) -> Any:
    """Do as `count_all` does, but list the rows that were touched, and return how many there are."""
    n = np.uint64(0)
    for f in features:
        w = weight[f]
        if w > 0:
            near = codes[indptr[f] : indptr[f + 1]]
            for t in range(near.size):
                row = np.uint64(near[t])
                total = sums[row]
                touched[n] = row
                n += np.uint64(total == 0)
                sums[row] = total + w
    return np.int64(n)


@kernel
def ask_for(features: Int32Array, e: int, table: Any) -> None:
    """Ask for the entries of a feature some places after `e`; most of the time goes by waiting for them otherwise."""
    if e + AHEAD < features.size:
        f = features[e + AHEAD]
        for t in range(table[0][f], min(table[0][f + 1], table[0][f] + FETCHED), LINE):
            prefetch(table[1], t)
            prefetch(table[2], t)


@kernel
def add_all(features: Int32Array, weights: AnyArray, table: Any, sums: AnyArray) -> None:
    """Add ``weight * value`` to the sums of all rows that have a feature; the rows of one feature are distinct."""
    indptr, codes, values = table
    zero = np.float32(0)
    for e in range(features.size):
        ask_for(features, e, table)
        f, w = features[e], weights[e]
        near, worth = codes[indptr[f] : indptr[f + 1]], values[indptr[f] : indptr[f + 1]]
        for t in range(near.size):
            sums[np.uint64(near[t])] += w * worth[t] + zero  # which is not minus zero


@kernel
def add_touched(features: Int32Array, weights: AnyArray, table: Any, sums: AnyArray, touched: Int32Array) -> Any:
    """Do as `add_all` does, but list the rows that were touched, and return how many there are."""
    indptr, codes, values = table
    n, zero, bits = np.uint64(0), np.float32(0), sums.view(np.uint32)
    for e in range(features.size):
        ask_for(features, e, table)
        f, w = features[e], weights[e]
        near, worth = codes[indptr[f] : indptr[f + 1]], values[indptr[f] : indptr[f + 1]]
        for t in range(near.size):
            row = np.uint64(near[t])
            touched[n] = row
            n += np.uint64(bits[row] == SIGN)
            sums[row] += w * worth[t] + zero
    return np.int64(n)


@kernel
def add_squares(features: Int32Array, weights: AnyArray, table: Any, squares: AnyArray) -> None:
    """Add, for all rows that have a feature, the squares of ``weight`` and of ``value``."""
    indptr, codes, values = table
    for e in range(features.size):
        f, w = features[e], weights[e]
        for t in range(indptr[f], indptr[f + 1]):
            squares[0, codes[t]] += w * w
            squares[1, codes[t]] += values[t] * values[t]


@kernel
def likeness(product: Any, sides: Any, r: int, j: int) -> Any:
    """Return the similarity of query r and row j from their inner product and two numbers of each."""
    queries, rows, gamma, shrinkage, ratio = sides
    query, row = queries[r], rows[j]
    scale = query[0] * row[0]
    if not ratio:
        return product * scale
    norm = scale + (query[1] + row[1]) + gamma * product + shrinkage
    return product / norm if norm > 0 else np.float32(0)


@kernel
def work_of(features: Int32Array, indptr: Int64Array) -> Any:
    """Return how many numbers are added up for these features."""
    work = 0
    for f in features:
        work += indptr[f + 1] - indptr[f]
    return work


@kernel
def room_for(n_rows: int, k: int) -> Any:
    """Return room for the touched rows, their sums and codes, the chunks' best scores, and keys."""
    touched, found = np.empty(n_rows + 1, np.int32), np.empty(n_rows, np.uint32)
    return touched, found, np.empty(n_rows // CHUNK + 1, np.int32), np.empty(max(4 * k, 256), np.uint64)


@kernel
def choose(dense: bool, n_touched: int, sums: AnyArray, empty: Any, k: int, room: Any) -> int:
    """Do as `take_best` does with all sums (`dense`) or with the touched ones, and empty them."""
    touched, found, tops, keys = room
    bits = sums.view(np.uint32)
    if dense:
        n = take_best(bits, empty, touched[:0], k, tops, keys)
        bits[:] = empty
        return n
    for t in range(n_touched):  # next to each other, as the search wants them
        row = np.uint64(np.uint32(touched[t]))
        found[t] = bits[row]
        bits[row] = empty
    return take_best(found[:n_touched], empty, touched, k, tops, keys)


@kernel
def give(keys: AnyArray, n: int, k: int, ordered: bool, codes: Int32Array, scores: AnyArray) -> None:
    """Write the `k` best of `n` keys to a row of codes and scores."""
    bits = scores.view(np.uint32)
    for i in range(keep_best(keys, n, k, ordered)):
        codes[i] = code_of(keys[i])
        bits[i] = bits_of(keys[i])


@kernel
def nearest_by_count(
    first: int, last: int, queries: Any, weight: AnyArray, table: Any, sides: Any, own: Int32Array, out: Any
) -> None:
    """Find the rows nearest to queries `first` to `last`, in no order, where all entries are 1: only indices are read.

    `queries` have the features of each, `table` the rows that have each feature, both (indptr, codes). Row ``own[r]``
    is query r itself, -1 for none. `out` are codes and scores.
    """
    (query_indptr, query), (indptr, codes), (found, scores) = queries, table, out
    n_rows, k = sides[1].shape[0], found.shape[1]
    sums, room = np.zeros(n_rows, np.float32), room_for(n_rows, k)
    touched, keys = room[0], room[3]
    for r in range(first, last):
        features = query[query_indptr[r] : query_indptr[r + 1]]
        dense = SPARSE * work_of(features, indptr) > n_rows
        if dense:
            count_all(features, weight, indptr, codes, sums)
            n = n_rows
        else:
            n = count_touched(features, weight, indptr, codes, sums, touched)
        if own[r] >= 0:
            sums[own[r]] = 0
        for t in range(n):
            j = t if dense else touched[t]
            sums[j] = likeness(sums[j], sides, r, j)
        n = choose(dense, n, sums, np.uint32(0), k, room)
        give(keys, n, k, False, found[r], scores[r])


@kernel
def nearest_by_value(
    first: int, last: int, queries: Any, table: Any, sides: Any, correlation: bool, own: Int32Array, out: Any
) -> None:
    """Do as `nearest_by_count` does where entries are any numbers; a correlation goes by the common features only."""
    (query_indptr, query, weights), (found, scores) = queries, out
    n_rows, k = sides[1].shape[0], found.shape[1]
    sums, room = np.full(n_rows, UNTOUCHED), room_for(n_rows, k)
    touched, keys = room[0], room[3]
    squares = np.zeros((2, n_rows if correlation else 0), np.float32)
    for r in range(first, last):
        start, stop = query_indptr[r], query_indptr[r + 1]
        n = add_touched(query[start:stop], weights[start:stop], table, sums, touched)
        if correlation:
            add_squares(query[start:stop], weights[start:stop], table, squares)
        for t in range(n):
            j = touched[t]
            if correlation:
                norm = np.sqrt(squares[0, j]) * np.sqrt(squares[1, j]) + sides[3]
                sums[j] = sums[j] / norm if norm > 0 else np.float32(0)
                squares[:, j] = 0
            else:
                sums[j] = likeness(sums[j], sides, r, j)
            sums[j] += np.float32(0)
        if own[r] >= 0:
            sums[own[r]] = UNTOUCHED
        n = choose(False, n, sums, SIGN, k, room)
        give(keys, n, k, False, found[r], scores[r])


@kernel
def walk(rows: Any, table: Any, n_items: int, excluded: Any, options: Any, out: Any) -> None:
    """Rank what rows reach: the product of each row with the table, both (indptr, codes, values).

    What is excluded comes as (indptr, codes), options as (mask, boost), of length 0 where not asked for; out are items
    and scores.
    """
    (row_indptr, row_codes, row_values), (excluded_indptr, excluded_codes) = rows, excluded
    (mask, boost), (items, scores) = options, out
    k = items.shape[1]
    sums, room = np.full(n_items, UNTOUCHED), room_for(n_items, k)
    touched, keys = room[0], room[3]
    bits = sums.view(np.uint32)
    for r in range(items.shape[0]):
        row, weights = row_codes[row_indptr[r] : row_indptr[r + 1]], row_values[row_indptr[r] : row_indptr[r + 1]]
        dense = SPARSE * work_of(row, table[0]) > n_items
        if dense:
            add_all(row, weights, table, sums)
            n = n_items
        else:
            n = add_touched(row, weights, table, sums, touched)
        if excluded_indptr.size:
            for e in range(excluded_indptr[r], excluded_indptr[r + 1]):
                sums[excluded_codes[e]] = UNTOUCHED
        for t in range(n if boost.size + mask.size else 0):
            j = t if dense else touched[t]
            if mask.size and not mask[j]:
                sums[j] = UNTOUCHED
            elif boost.size and bits[j] != SIGN:
                sums[j] = (sums[j] * boost[j] if sums[j] >= 0 else sums[j] / boost[j]) + np.float32(0)
        n = choose(dense, n, sums, SIGN, k, room)
        give(keys, n, k, True, items[r], scores[r])


@kernel
def walk_dense(rows: Any, table: Any, scores: AnyArray) -> None:
    """Write what `walk` ranks to dense rows; minus infinity where an item is not reached."""
    row_indptr, row_codes, row_values = rows
    scores[:] = UNTOUCHED
    for r in range(scores.shape[0]):
        a, b = row_indptr[r], row_indptr[r + 1]
        add_all(row_codes[a:b], row_values[a:b], table, scores[r])
        bits = scores[r].view(np.uint32)
        for j in range(bits.size):
            if bits[j] == SIGN:
                scores[r, j] = -np.inf
