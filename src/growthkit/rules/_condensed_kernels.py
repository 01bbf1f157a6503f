"""Kernels of the search for closed and generator itemsets: depth first, in local databases.

A node is an itemset of which no subset with the same count leads the same way: the items that stand in all of its
baskets and come later are taken up at once, or, for generators, left out for good. So the closed itemsets and the
generators are among the nodes. The search stops where it runs out of room, and goes on from there once it is given
more.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._core.instructions import count_ones, lowest_one
from .._core.jit import kernel
from ..typing import AnyArray, Int32Array, Int64Array
from ._instructions import LANES, count_lanes, squeeze, sum_marked

TRIAL = 4096
"""Itemsets of the whole after which looking for those in the same baskets is given up where it does not pay."""

CLOSED, GENERATORS = range(2)

DONE, WANTS_OUTPUT, WANTS_ROOM, WANTS_TABLE = range(4)
"""What a call ends with: everything found, or what must be enlarged; `WANTS_ROOM` means `extensions` and `bits`."""

RECORD, DEPTH, N_SETS, N_CODES, UNUSED, FIRST, TOP, TOP_BITS, TOP_KEYS, N_KNOWN, STATES = range(11)
"""Places in `state`, which begin like those of `_mining_kernels`: the local database, the depth of the search (-1
between two), how many itemsets and items the output holds, nothing, the first itemset of the local
database, where there is room behind the local databases in `extensions`, `bits` and `keys`, and how many itemsets of
the local database were known when they were met."""

START, SIZE, STOP, CURSOR, BITS, LENGTH, WORDS, KEYS, FIELDS = range(9)
"""Places in a frame: its first extension and how many there are, the last to be tried, the one tried last, where their
bits are, the length of the path, the words of a set of bits, and where their keys are."""

END, COUNT, HASH, COLUMNS = range(4)
"""Columns of the output: where the items of an itemset end, its count, and a hash of its baskets."""

ENTERED = 3
"""Items more than the first frame has, from which on an itemset may have a part that is not covered in its frame."""

COVERED, HASHED = -1, (1 << 63) - 1
"""What stands for the hash of an extension all of whose baskets hold a rarer one, too; and the bits a hash has."""

FEW_BITS = np.uint64(4)
"""Bits of a word whose keys are copied without asking how many there are."""

HIGHEST, LOW_SIX = np.uint64(1 << 63), np.uint64(63)
"""The highest bit of a word, and the bits of a place in one."""

INDEX = (1 << 32) - 1
"""The half of an entry of `table` that is the number of an itemset; the other is that of its hash."""


class Space(NamedTuple):
    """Local databases as `_masked_kernels.build` makes them, and behind them the frames of the search.

    `extensions` holds (item, count), `hashes` numbers by which those in the same baskets are known, and `keys` what
    each bit adds to such a number: first those of the local databases, then those of bits that were packed.
    `path` is the itemset. `numbers` tells where in their frame the extensions of the next one stand, and `spots` which
    words of a set are not 0. `table` has a power of 2 of slots: -1, or an itemset of this local database or one before.
    """

    state: Int64Array
    records: Int64Array
    frames: Int64Array
    extensions: Int64Array
    bits: AnyArray
    hashes: Int64Array
    keys: Int64Array
    numbers: Int64Array
    path: Int32Array
    spots: Int64Array
    table: Int64Array


class Step(NamedTuple):
    """An itemset of the search, extension `a` of its frame, and where things stand in `extensions` and `bits`.

    Extension b begins at ``at + b * apart``, and its words are `stride` apart.
    """

    a: int
    start: int
    at: int
    apart: int
    stride: int
    words: int
    shifts: int
    least: int
    child: int
    out: int


@kernel
def lay_out(n: int, words: Any) -> tuple[int, int, int]:
    """Return how n sets of bits stand: how far apart they are, and their words, and how many words each has room for.

    Sets of few words stand side by side, of more one after another, with zeros behind.
    """
    if words <= LANES:
        return 1, (n + LANES - 1) // LANES * LANES, words
    length = (words + LANES - 1) // LANES * LANES
    return length, 1, length


@kernel
def hash_words(bits: AnyArray, at: Any, stride: int, words: int) -> Any:
    """Return a hash of the words of a set of bits that stand `stride` apart.

    Of each word, mixed with its number in two ways, the halves are multiplied, which is the fast way to multiply many.
    """
    half, low, one, other = np.uint64(32), np.uint64(0xFFFFFFFF), np.uint64(0), np.uint64(0)
    for word in range(words):
        own, key = bits[at + word * stride], np.uint64(word) * np.uint64(0x9E3779B97F4A7C15)
        mixed = own ^ key
        one += (mixed & low) * (mixed >> half)
        mixed = own + (key ^ np.uint64(0xBF58476D1CE4E5B9))
        other += (mixed & low) * (mixed >> half)
    return np.int64(one * np.uint64(0x94D049BB133111EB) ^ (other >> half | other << half)) & HASHED


@kernel
def list_spots(step: Step, bits: AnyArray, spots: Int64Array) -> Any:
    """List the words of the itemset that are not 0; return how many these are."""
    one, stride, n = np.uint64(step.at + step.a * step.apart), np.uint64(step.stride), np.uint64(0)
    for word in range(np.uint64(step.words)):
        spots[n] = word
        n += np.uint64(bits[one + word * stride] != 0)
    return np.int64(n)


@kernel
def list_lanes(
    step: Step, extensions: Int64Array, hashes: Int64Array, bits: AnyArray, spots: Int64Array, numbers: Int64Array,
    path: Int32Array, length: int,
) -> tuple[Any, Any]:  # fmt: skip
    """List the numbers and counts of the frequent extensions before the itemset; those always there go to the path.

    Those all of whose baskets the itemset is in are marked as covered.
    """
    own, one = extensions[step.start + step.a, 1], step.at + step.a
    child, start, out, fixed = np.uint64(step.child), np.uint64(step.start), np.uint64(0), np.uint64(length)
    n = list_spots(step, bits, spots)
    for first in range(0, step.a, LANES):
        if step.shifts:
            found = count_lanes(bits, one, step.at + first, step.stride, n, spots, step.shifts, step.least)
        else:
            found = count_lanes(bits, one, step.at + first, step.stride, n, spots, None, step.least)
        if first + LANES > step.a:
            found &= (1 << (step.a - first)) - 1
        while found:
            lane = np.uint64(count_ones((found & -found) - 1))
            found &= found - 1
            b, count = np.uint64(first) + lane, np.int64(bits[lane])
            item = extensions[start + b, 0]
            if count == extensions[start + b, 1]:
                hashes[start + b] = COVERED
            if count == own:
                path[fixed] = item
                fixed += np.uint64(1)
            else:
                numbers[out], extensions[child + out, 0], extensions[child + out, 1] = b, item, count
                out += np.uint64(1)
    return np.int64(out), np.int64(fixed) - length


@kernel
def list_sets(
    step: Step, extensions: Int64Array, hashes: Int64Array, bits: AnyArray, numbers: Int64Array, path: Int32Array,
    length: int,
) -> tuple[Any, Any]:  # fmt: skip
    """List the frequent extensions like `list_lanes`, where the words of each stand one after another."""
    own, out, fixed = extensions[step.start + step.a, 1], np.uint64(0), np.uint64(length)
    one, other, apart = np.uint64(step.at + step.a * step.apart), np.uint64(step.at), np.uint64(step.apart)
    words, lanes, shifts = np.uint64(step.words), np.uint64(LANES), np.uint64(step.shifts)
    child, start = np.uint64(step.child), np.uint64(step.start)
    for b in range(np.uint64(step.a)):
        ones = np.uint64(0)
        for word in range(np.uint64(0), words, lanes):
            if shifts:
                for lane in range(lanes):
                    at = word + lane
                    ones += count_ones(bits[one + at] & bits[other + at]) << bits[shifts + at]
            else:
                for lane in range(lanes):
                    ones += count_ones(bits[one + word + lane] & bits[other + word + lane])
        other += apart
        item, count = extensions[start + b, 0], np.int64(ones)
        if count == extensions[start + b, 1]:
            hashes[start + b] = COVERED
        if count == own:
            path[fixed] = item
            fixed += np.uint64(1)
        else:
            numbers[out], extensions[child + out, 0], extensions[child + out, 1] = b, item, count
            out += np.uint64(count >= step.least)
    return np.int64(out), np.int64(fixed) - length


@kernel
def copy_keys(step: Step, n: int, bits: AnyArray, spots: Int64Array, first: Any, out: Any, keys: Int64Array) -> None:
    """Copy the keys of the itemset's bits.

    Most words have few bits, so that the keys of the first are copied whether they are there or not.
    """
    one, stride, place = np.uint64(step.at + step.a * step.apart), np.uint64(step.stride), np.uint64(out)
    for spot in range(np.uint64(n)):
        word = np.uint64(spots[spot])
        left, key = bits[one + word * stride], np.uint64(first) + (word << np.uint64(6))
        last = place + count_ones(left)
        for at in range(place, max(place + FEW_BITS, last)):
            keys[at] = keys[key + lowest_one(left | HIGHEST)]
            left &= left - np.uint64(1)
        place = last


@kernel
def pack(
    step: Step, kept: int, words: int, first: Any, below: Any, numbers: Int64Array, bits: AnyArray, spots: Int64Array,
    keys: Int64Array,
) -> None:  # fmt: skip
    """Write the bits that extensions have where the itemset has some, one after another. There is room for `words`.

    The keys of the bits, which stand from `first` on, are copied to where those below have theirs.
    """
    n = list_spots(step, bits, spots)
    copy_keys(step, n, bits, spots, first, below, keys)
    one, stride, low_six = np.uint64(step.at + step.a * step.apart), np.uint64(step.stride), LOW_SIX
    apart, next_word, length = lay_out(kept, words)
    for i in range(kept):
        other, out = np.uint64(step.at + numbers[i] * step.apart), np.uint64(step.out + i * apart)
        last, before, packed = out + np.uint64(length * next_word), np.uint64(0), np.uint64(0)
        for spot in range(np.uint64(n)):
            word = np.uint64(spots[spot]) * stride
            own, shift = bits[one + word], before & low_six
            found = squeeze(bits[other + word], own)
            packed |= found << shift
            before += count_ones(own)
            if shift + count_ones(own) > low_six:
                bits[out] = packed
                packed = (found >> np.uint64(1)) >> (low_six - shift)
                out += np.uint64(next_word)
        while out < last:
            bits[out] = packed
            packed = np.uint64(0)
            out += np.uint64(next_word)


@kernel
def copy_common(step: Step, kept: int, numbers: Int64Array, bits: AnyArray) -> None:
    """Write what the itemset has in common with extensions."""
    one, words, stride = np.uint64(step.at + step.a * step.apart), np.uint64(step.words), np.uint64(step.stride)
    apart, next_word, length = lay_out(kept, step.words)
    for i in range(kept):
        other, out = np.uint64(step.at + numbers[i] * step.apart), np.uint64(step.out + i * apart)
        if step.stride == 1:
            for word in range(np.uint64(length)):
                bits[out + word] = bits[one + word] & bits[other + word]
        else:
            for word in range(words):
                bits[out + word * np.uint64(next_word)] = bits[one + word * stride] & bits[other + word * stride]
            for word in range(words, np.uint64(length)):
                bits[out + word * np.uint64(next_word)] = 0


@kernel
def hash_extensions(
    step: Step, kept: int, words: Any, first: Any, bits: AnyArray, hashes: Int64Array, keys: Int64Array
) -> None:
    """Hash the baskets of the listed extensions: the sum of their keys, from `first` on, or a hash of words if -1."""
    apart, next_word, _ = lay_out(kept, words)
    for i in range(kept):
        at, total = step.out + i * apart, np.int64(0)
        if first < 0 and next_word == 1:
            total = hash_words(bits, at, 1, words)
        elif first < 0:
            total = hash_words(bits, at, next_word, words)
        else:
            for word in range(words):
                total += sum_marked(keys, first + (word << 6), bits[np.uint64(at + word * next_word)])
        hashes[step.child + i] = total & HASHED


@kernel
def hash_column(step: Step, first: Any, bits: AnyArray, keys: Int64Array) -> Any:
    """Hash the baskets of an extension of a local database like `hash_extensions`."""
    total, at = np.int64(0), step.at + step.a
    if first < 0:
        return hash_words(bits, at, step.stride, step.words)
    for word in range(step.words):
        total += sum_marked(keys, first + (word << 6), bits[at + word * step.stride])
    return total & HASHED


@kernel
def is_known(
    length: int, count: Any, code: Any, state: Int64Array, path: Int32Array, table: Int64Array, sets: Int64Array,
    codes: Int32Array,
) -> bool:  # fmt: skip
    """Return whether the path is part of an itemset of the local database that stands in the same baskets."""
    mask, known = np.uint64(table.size - 1), False
    slot = np.uint64(code ^ count) & mask
    while not known and table[slot] != -1 and table[slot] & INDEX >= state[FIRST]:
        i = table[slot] & INDEX
        if (table[slot] ^ code) >> 32 == 0 and sets[i, HASH] == code and sets[i, COUNT] == count:
            start, known = sets[i - 1, END] if i else 0, True
            for place in range(length):
                found = False
                for j in range(start, sets[i, END]):
                    found |= codes[j] == path[place]
                known &= found
        slot = (slot + np.uint64(1)) & mask
    state[N_KNOWN] += known
    return known


@kernel
def enter_in(table: Int64Array, i: Any, first: Any, sets: Int64Array) -> None:
    """Enter an itemset in the table, whose itemsets before the `first` do not count."""
    mask = np.uint64(table.size - 1)
    slot = np.uint64(sets[i, HASH] ^ sets[i, COUNT]) & mask
    while table[slot] != -1 and table[slot] & INDEX >= first:
        slot = (slot + np.uint64(1)) & mask
    table[slot] = (sets[i, HASH] & ~INDEX) | i


@kernel
def fill_table(least: int, state: Int64Array, table: Int64Array, sets: Int64Array) -> None:
    """Enter all itemsets of the local database that have at least so many items in an empty table."""
    for i in range(state[FIRST], state[N_SETS]):
        if sets[i, END] - (sets[i - 1, END] if i else 0) >= least:
            enter_in(table, i, state[FIRST], sets)


@kernel
def looks_up(kind: int, whole: bool, state: Int64Array) -> bool:
    """Return whether to look itemsets up in the table; in the whole this is given up where few are found."""
    n = state[N_SETS] - state[FIRST]
    return kind == CLOSED and (not whole or n < TRIAL or 16 * state[N_KNOWN] > n)


@kernel
def write(
    length: int, count: Any, code: Any, state: Int64Array, path: Int32Array, sets: Int64Array, codes: Int32Array
) -> None:
    """Write the itemset of the path."""
    n, size = state[N_SETS], state[N_CODES]
    for i in range(length):
        codes[size + i] = path[i]
    sets[n, END], sets[n, COUNT], sets[n, HASH] = size + length, count, code
    state[N_SETS], state[N_CODES] = n + 1, size + length


@kernel
def enter(kind: int, supports: Int64Array, space: Space, sets: Int64Array, codes: Int32Array) -> None:
    """Write the itemsets of a local database's item, and make the first frame.

    An item of -1 means that the database is the whole, of which extensions record[2] to record[1] are searched.
    """
    state, extensions, path, frames = space.state, space.extensions, space.path, space.frames
    record = space.records[state[RECORD]]
    item, size, fixed, start = record[0], record[1], record[2], record[3]
    frames[0, START], frames[0, SIZE], frames[0, CURSOR], frames[0, STOP] = start, size, size, 0
    frames[0, BITS], frames[0, LENGTH], frames[0, WORDS] = record[6], 0, record[4]
    frames[0, KEYS] = -1 if item < 0 else 0
    space.hashes[start : start + size] = 0
    state[DEPTH], state[FIRST], state[N_KNOWN] = 0, state[N_SETS], 0
    if item < 0:
        frames[0, STOP] = fixed
        return
    path[0] = item
    for i in range(fixed):
        path[1 + i] = extensions[start + size + i, 0]
    length = 1 if kind == GENERATORS else 1 + fixed
    frames[0, LENGTH] = length
    frames[0, CURSOR] = 0 if size == 1 else size
    write(length, supports[item], np.int64(0), state, path, sets, codes)
    if size == 1:
        path[length] = extensions[start, 0]
        write(length + 1, extensions[start, 1], np.int64(0), state, path, sets, codes)


@kernel
def next_step(depth: int, least: int, state: Int64Array, frames: Int64Array, record: Int64Array) -> Step:
    """Return the next itemset of a frame, `a` is -1 if there is none."""
    a, start, at, words = frames[depth, CURSOR] - 1, frames[depth, START], frames[depth, BITS], frames[depth, WORDS]
    size = frames[depth, SIZE]
    apart, stride, length = lay_out(size, words)
    child, out = start + size, at + (size if stride == 1 else stride) * length
    if depth == 0:
        child, out, apart, stride = state[TOP], state[TOP_BITS], 1, record[7]
    state[DEPTH] = depth
    if a < frames[depth, STOP]:
        a = -1
    return Step(a, start, at, apart, stride, words, record[5], least, child, out)


@kernel
def open_frame(step: Step, depth: int, kept: int, length: int, words: Any, first: Any, frames: Int64Array) -> None:
    """Make the frame of the listed extensions."""
    frames[depth, START], frames[depth, SIZE], frames[depth, CURSOR], frames[depth, STOP] = step.child, kept, kept, 0
    frames[depth, BITS], frames[depth, LENGTH] = step.out, length
    frames[depth, WORDS], frames[depth, KEYS] = words, first


@kernel
def room_for(step: Step, looking: bool, state: Int64Array, sizes: tuple[int, int, int, int, int]) -> int:
    """Return what a step lacks room for: extensions, bits, itemsets, their items, or slots of the table."""
    end = step.out + (step.a + LANES) * (step.words + LANES)
    if step.child + step.a + 1 > sizes[0] or end > sizes[1]:
        return WANTS_ROOM
    if state[N_SETS] + 2 > sizes[2] or state[N_CODES] > sizes[3]:
        return WANTS_OUTPUT
    if looking and 2 * (state[N_SETS] - state[FIRST] + 2) > sizes[4]:
        return WANTS_TABLE
    return DONE


@kernel
def packed_words(step: Step, count: Any, first: Any) -> Any:
    """Return how many words the baskets of the itemset take when they are packed, or 0 if these are not much fewer."""
    words = (count + 63) >> 6
    fewer = (words if words == 1 else 2 * words + LANES) < step.words
    return words if fewer and first >= 0 and step.shifts == 0 else 0


@kernel
def descend(kind: int, least: int, space: Space, sets: Int64Array, codes: Int32Array) -> int:
    """Search a local database depth first, from where the stack stands, the rarest items first."""
    state, frames, extensions, bits, path = space.state, space.frames, space.extensions, space.bits, space.path
    hashes, keys, numbers, spots, table = space.hashes, space.keys, space.numbers, space.spots, space.table
    depth, record = state[DEPTH], space.records[state[RECORD]]
    entered = frames[0, LENGTH] + ENTERED
    sizes = (extensions.shape[0], bits.size, len(sets), codes.size - 2 * len(frames), table.size)
    while depth >= 0:
        step = next_step(depth, least, state, frames, record)
        if step.a < 0:
            depth -= 1
            continue
        looking = looks_up(kind, record[0] < 0, state)
        status = room_for(step, looking, state, sizes)
        if status != DONE:
            return status
        here, length, words, first = step.start + step.a, frames[depth, LENGTH], step.words, frames[depth, KEYS]
        frames[depth, CURSOR], path[length] = step.a, extensions[here, 0]
        count, code = extensions[here, 1], hashes[here]
        covered = kind == CLOSED and code == COVERED
        if covered or (looking and depth and is_known(length + 1, count, code, state, path, table, sets, codes)):
            continue
        if step.apart == 1:
            kept, fixed = list_lanes(step, extensions, hashes, bits, spots, numbers, path, length + 1)
        else:
            kept, fixed = list_sets(step, extensions, hashes, bits, numbers, path, length + 1)
        length += 1 if kind == GENERATORS else 1 + fixed
        if kind == CLOSED and depth == 0 and (first < 0 or length >= entered):
            code = hash_column(step, first, bits, keys)
        if kept > (kind != CLOSED):
            narrow = packed_words(step, count, first)
            if narrow:
                below = max(first + (words << 6), state[TOP_KEYS])
                pack(step, kept, narrow, first, below, numbers, bits, spots, keys)
                words, first = narrow, below
            else:
                copy_common(step, kept, numbers, bits)
            if kind == CLOSED:
                hash_extensions(step, kept, words, first, bits, hashes, keys)
        for more in range(2 if kept == 1 else 1):
            if more:
                path[length], count, code = extensions[step.child, 0], extensions[step.child, 1], hashes[step.child]
                if looking and is_known(length + 1, count, code, state, path, table, sets, codes):
                    continue
            write(length + more, count, code, state, path, sets, codes)
            if looking and length + more >= entered:
                enter_in(table, state[N_SETS] - 1, state[FIRST], sets)
        if kept > 1:
            depth += 1
            open_frame(step, depth, kept, length, words, first, frames)
    state[DEPTH] = -1
    return DONE


@kernel
def mine(kind: int, n: int, least: int, supports: Int64Array, space: Space, sets: Int64Array, codes: Int32Array) -> int:
    """Find the nodes of local databases state[RECORD] to `n`."""
    state = space.state
    while state[RECORD] < n:
        if state[DEPTH] < 0:
            if state[N_SETS] + 2 > len(sets) or state[N_CODES] + 2 * space.frames.shape[0] > codes.size:
                return WANTS_OUTPUT
            enter(kind, supports, space, sets, codes)
        status = descend(kind, least, space, sets, codes)
        if status != DONE:
            return status
        state[RECORD] += 1
    return DONE
