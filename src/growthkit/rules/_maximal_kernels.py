"""Kernels of the search for maximal itemsets: depth first, in local databases.

Items that stand in all baskets of an itemset and come later are taken up at once. An itemset that is part of one found
before, with all by which it may still grow, is not followed. The search stops where it runs out of room, and goes on
from there once it is given more.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._core.instructions import count_ones
from .._core.jit import kernel
from ..typing import AnyArray, Int32Array, Int64Array
from ._instructions import LANES, count_lanes

DONE, WANTS_OUTPUT, WANTS_ROOM, WANTS_FOUND = range(4)
"""What a call ends with: everything found, or what must be enlarged; `WANTS_ROOM` means `extensions` and `bits`."""

RECORD, DEPTH, N_SETS, N_CODES, UNUSED, N_ROOT, TOP, TOP_BITS, N_LISTED, STATES = range(10)
"""Places in `state`, which begin like those of `_mining_kernels`: the local database, the depth of the search (-1
between two), how many itemsets and items the output holds, nothing, how many items of the path go with
the whole local database, where there is room behind the local databases in `extensions` and `bits`, and how many sets
`found` holds."""

START, SIZE, STOP, CURSOR, BITS, LENGTH, FOCUS, FOCUSED, SEEN, FIELDS = range(10)
"""Places in a frame: its first extension and how many there are, the last to be tried, the one tried last, where their
bits are, the length of the path, where the sets found that hold the path begin and end in `focus`, and of how many sets
found these are."""

END, COUNT, HASH, COLUMNS = range(4)
"""Columns of the output: where the items of an itemset end, its count, and a place that is not used."""


class Space(NamedTuple):
    """Local databases as `_local_kernels.build` makes them, and behind them the frames of the search.

    `extensions` holds (item, count). `path` is the itemset. `numbers` tells where in their frame the extensions of the
    next one stand. A row of `found` has a bit for each set found in the local database that holds the item; `focus`
    holds (word, bits) of those that are not 0.
    """

    state: Int64Array
    records: Int64Array
    frames: Int64Array
    extensions: Int64Array
    bits: AnyArray
    numbers: Int64Array
    path: Int32Array
    found: Int64Array
    focus: Int64Array


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
def list_lanes(
    step: Step, extensions: Int64Array, bits: AnyArray, numbers: Int64Array, path: Int32Array, length: int
) -> tuple[Any, Any]:
    """List the numbers and counts of the frequent extensions before the itemset; those always there go to the path."""
    own, one = extensions[step.start + step.a, 1], step.at + step.a
    child, start, out, fixed = np.uint64(step.child), np.uint64(step.start), np.uint64(0), np.uint64(length)
    for first in range(0, step.a, LANES):
        if step.shifts:
            found = count_lanes(bits, one, step.at + first, step.stride, step.words, None, step.shifts, step.least)
        else:
            found = count_lanes(bits, one, step.at + first, step.stride, step.words, None, None, step.least)
        if first + LANES > step.a:
            found &= (1 << (step.a - first)) - 1
        while found:
            lane = np.uint64(count_ones((found & -found) - 1))
            found &= found - 1
            b, count = np.uint64(first) + lane, np.int64(bits[lane])
            item = extensions[start + b, 0]
            if count == own:
                path[fixed] = item
                fixed += np.uint64(1)
            else:
                numbers[out], extensions[child + out, 0], extensions[child + out, 1] = b, item, count
                out += np.uint64(1)
    return np.int64(out), np.int64(fixed) - length


@kernel
def list_sets(
    step: Step, extensions: Int64Array, bits: AnyArray, numbers: Int64Array, path: Int32Array, length: int
) -> tuple[Any, Any]:
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
        if count == own:
            path[fixed] = item
            fixed += np.uint64(1)
        else:
            numbers[out], extensions[child + out, 0], extensions[child + out, 1] = b, item, count
            out += np.uint64(count >= step.least)
    return np.int64(out), np.int64(fixed) - length


@kernel
def sort_by_count(extensions: Int64Array, start: int, size: int, numbers: Int64Array) -> None:
    """Sort extensions and their numbers, the most frequent first."""
    for i in range(1, size):
        item, count, number = extensions[start + i, 0], extensions[start + i, 1], numbers[i]
        j = i
        while j > 0 and extensions[start + j - 1, 1] < count:
            extensions[start + j, 0], extensions[start + j, 1] = (
                extensions[start + j - 1, 0],
                extensions[start + j - 1, 1],
            )
            numbers[j] = numbers[j - 1]
            j -= 1
        extensions[start + j, 0], extensions[start + j, 1], numbers[j] = item, count, number


@kernel
def copy_common(step: Step, kept: int, numbers: Int64Array, bits: AnyArray) -> None:
    """Write what the itemset has in common with extensions."""
    one, out, padded = (
        np.uint64(step.at + step.a * step.apart),
        np.uint64(step.out),
        np.uint64(step.words if step.words == 1 else (step.words + LANES - 1) // LANES * LANES),
    )
    words, stride = np.uint64(step.words), np.uint64(step.stride)
    for i in range(kept):
        other = np.uint64(step.at + numbers[i] * step.apart)
        for word in range(words):
            bits[out + word] = bits[one + word * stride] & bits[other + word * stride]
        for word in range(words, padded):
            bits[out + word] = 0
        out += padded


@kernel
def write(length: int, count: Any, state: Int64Array, path: Int32Array, sets: Int64Array, codes: Int32Array) -> None:
    """Write the itemset of the path."""
    n, size = state[N_SETS], state[N_CODES]
    for i in range(length):
        codes[size + i] = path[i]
    sets[n, END], sets[n, COUNT], sets[n, HASH] = size + length, count, 0
    state[N_SETS], state[N_CODES] = n + 1, size + length


@kernel
def look_back(depth: int, state: Int64Array, frames: Int64Array, focus: Int64Array) -> None:
    """Add the sets found since to those that hold the path of a frame: all were found below it."""
    seen, listed, end = frames[depth, SEEN], state[N_LISTED], frames[depth, FOCUSED]
    while seen < listed:
        word, first = seen >> 6, seen & 63
        last = min(np.int64(64), listed - (word << 6))
        new = (np.int64(-1) if last == 64 else (np.int64(1) << last) - 1) & ~((np.int64(1) << first) - 1)
        if end > frames[depth, FOCUS] and focus[end - 1, 0] == word:
            focus[end - 1, 1] |= new
        else:
            focus[end, 0], focus[end, 1] = word, new
            end += 1
        seen = (word << 6) + last
    frames[depth, SEEN], frames[depth, FOCUSED] = seen, end


@kernel
def narrow_down(
    depth: int, length: int, frames: Int64Array, path: Int32Array, found: Int64Array, focus: Int64Array
) -> None:
    """List for the frame below which of the sets found that hold the path of a frame hold its own path, too."""
    first = end = frames[depth, FOCUSED]
    for i in range(frames[depth, FOCUS], first):
        word, common = focus[i, 0], focus[i, 1]
        for place in range(frames[depth, LENGTH], length):
            common &= found[path[place], word]
        focus[end, 0], focus[end, 1] = word, common
        end += common != 0
    frames[depth + 1, FOCUS], frames[depth + 1, FOCUSED], frames[depth + 1, SEEN] = first, end, frames[depth, SEEN]


@kernel
def is_found(
    depth: int, start: int, size: int, frames: Int64Array, extensions: Int64Array, found: Int64Array,
    focus: Int64Array,
) -> bool:  # fmt: skip
    """Return whether the path of a frame with some extensions is part of a set found."""
    for i in range(frames[depth, FOCUS], frames[depth, FOCUSED]):
        common, place = focus[i, 1], start
        while common and place < start + size:
            common &= found[extensions[place, 0], focus[i, 0]]
            place += 1
        if common:
            return True
    return False


@kernel
def note_found(length: int, state: Int64Array, path: Int32Array, found: Int64Array) -> None:
    """Enter the itemset of the path among the sets found."""
    listed = state[N_LISTED]
    for i in range(state[N_ROOT], length):
        found[path[i], listed >> 6] |= np.int64(1) << (listed & 63)
    state[N_LISTED] = listed + 1


@kernel
def forget(state: Int64Array, start: int, size: int, extensions: Int64Array, found: Int64Array) -> None:
    """Forget all sets of a local database."""
    for i in range(size):
        for word in range((state[N_LISTED] + 63) >> 6):
            found[extensions[start + i, 0], word] = 0
    state[N_LISTED] = 0


@kernel
def enter(supports: Int64Array, space: Space, sets: Int64Array, codes: Int32Array) -> None:
    """Write the itemset of a local database's item if there is one only, and make the first frame.

    An item of -1 means that the database is the whole, of which extensions record[2] to record[1] are searched.
    """
    state, extensions, path, frames = space.state, space.extensions, space.path, space.frames
    record = space.records[state[RECORD]]
    item, size, fixed, start = record[0], record[1], record[2], record[3]
    frames[0, START], frames[0, SIZE], frames[0, CURSOR], frames[0, STOP] = start, size, size, 0
    frames[0, BITS], frames[0, LENGTH] = record[6], 0
    frames[0, FOCUS], frames[0, FOCUSED], frames[0, SEEN] = 0, 0, 0
    state[DEPTH], state[N_ROOT] = 0, 0
    if item < 0:
        frames[0, STOP] = fixed
        return
    path[0] = item
    for i in range(fixed):
        path[1 + i] = extensions[start + size + i, 0]
    state[N_ROOT] = frames[0, LENGTH] = 1 + fixed
    if size == 1:
        path[1 + fixed], frames[0, CURSOR] = extensions[start, 0], 0
    if size < 2:
        write(1 + fixed + size, extensions[start, 1] if size else supports[item], state, path, sets, codes)


@kernel
def next_step(depth: int, least: int, state: Int64Array, frames: Int64Array, record: Int64Array) -> Step:
    """Return the next itemset of a frame, `a` is -1 if there is none."""
    a, start, at, words = frames[depth, CURSOR] - 1, frames[depth, START], frames[depth, BITS], record[4]
    padded = words if words == 1 else (words + LANES - 1) // LANES * LANES
    child, out, apart, stride = start + frames[depth, SIZE], at + frames[depth, SIZE] * padded, padded, 1
    if depth == 0:
        child, out, apart, stride = state[TOP], state[TOP_BITS], 1, record[7]
    state[DEPTH] = depth
    if a < frames[depth, STOP]:
        a = -1
    return Step(a, start, at, apart, stride, words, record[5], least, child, out)


@kernel
def open_frame(step: Step, depth: int, kept: int, length: int, frames: Int64Array) -> None:
    """Make the frame of the listed extensions."""
    frames[depth, START], frames[depth, SIZE], frames[depth, CURSOR], frames[depth, STOP] = step.child, kept, kept, 0
    frames[depth, BITS], frames[depth, LENGTH] = step.out, length


@kernel
def room_for(step: Step, state: Int64Array, sizes: tuple[int, int, int, int, int]) -> int:
    """Return what a step lacks room for: extensions, bits, itemsets, their items, or places among the sets found."""
    end = step.out + (step.a + 1) * (step.words + LANES) + LANES
    if step.child + step.a + 1 > sizes[0] or end > sizes[1]:
        return WANTS_ROOM
    if state[N_SETS] + 2 > sizes[2] or state[N_CODES] > sizes[3]:
        return WANTS_OUTPUT
    return WANTS_FOUND if state[N_LISTED] == sizes[4] << 6 else DONE


@kernel
def descend(least: int, space: Space, sets: Int64Array, codes: Int32Array) -> int:
    """Search a local database depth first, from where the stack stands, the rarest items first.

    After the first items those that are left come by their counts in the baskets of the itemset.
    """
    state, frames, extensions, bits, path = space.state, space.frames, space.extensions, space.bits, space.path
    numbers, found, focus = space.numbers, space.found, space.focus
    depth, record = state[DEPTH], space.records[state[RECORD]]
    sizes = (extensions.shape[0], bits.size, len(sets), codes.size - 2 * len(frames), found.shape[1])
    while depth >= 0:
        step = next_step(depth, least, state, frames, record)
        if step.a < 0:
            depth -= 1
            continue
        status = room_for(step, state, sizes)
        if status != DONE:
            return status
        look_back(depth, state, frames, focus)
        if is_found(depth, step.start, step.a + 1, frames, extensions, found, focus):
            frames[depth, CURSOR] = 0
            continue
        here, length = step.start + step.a, frames[depth, LENGTH]
        frames[depth, CURSOR], path[length] = step.a, extensions[here, 0]
        if step.apart == 1:
            kept, fixed = list_lanes(step, extensions, bits, numbers, path, length + 1)
        else:
            kept, fixed = list_sets(step, extensions, bits, numbers, path, length + 1)
        length += 1 + fixed
        narrow_down(depth, length, frames, path, found, focus)
        if is_found(depth + 1, step.child, kept, frames, extensions, found, focus):
            continue
        if kept > 1:
            sort_by_count(extensions, step.child, kept, numbers)
            copy_common(step, kept, numbers, bits)
            depth += 1
            open_frame(step, depth, kept, length, frames)
            continue
        count = extensions[here, 1]
        if kept:
            path[length], count = extensions[step.child, 0], extensions[step.child, 1]
        write(length + kept, count, state, path, sets, codes)
        note_found(length + kept, state, path, found)
    state[DEPTH] = -1
    return DONE


@kernel
def mine(n: int, least: int, supports: Int64Array, space: Space, sets: Int64Array, codes: Int32Array) -> int:
    """Find the itemsets that are maximal in one of the local databases state[RECORD] to `n`."""
    state = space.state
    while state[RECORD] < n:
        record = space.records[state[RECORD]]
        if state[DEPTH] < 0:
            if state[N_SETS] + 2 > len(sets) or state[N_CODES] + 2 * space.frames.shape[0] > codes.size:
                return WANTS_OUTPUT
            enter(supports, space, sets, codes)
        status = descend(least, space, sets, codes)
        if status != DONE:
            return status
        forget(state, record[3], record[1], space.extensions, space.found)
        state[RECORD] += 1
    return DONE
