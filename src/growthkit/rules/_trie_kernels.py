"""Kernels that read itemsets from the entries of a trie: (parent, item, count)."""

from __future__ import annotations

from .._core.jit import kernel
from ..typing import AnyArray, Int32Array, Int64Array


@kernel
def measure(entries: AnyArray, first: int, shared: int, shift: int, lengths: Int64Array) -> None:
    """Set the length of each itemset, one more than that of its parent, from ``lengths[first]`` on.

    A parent below `shared` stands at its number, others stand `shift` further on; -1 is the empty set.
    """
    for i in range(len(entries)):
        parent = entries[i, 0]
        if parent < 0:
            lengths[first + i] = 1
        else:
            lengths[first + i] = lengths[parent if parent < shared else parent + shift] + 1


@kernel
def spell(
    entries: AnyArray, code_of: Int32Array, first: int, shared: int, shift: int, indptr: Int64Array, codes: Int32Array
) -> None:
    """Write the codes of each itemset in rising order: those of its parent and its own."""
    for i in range(len(entries)):
        parent = entries[i, 0]
        code = code_of[entries[i, 1]]
        out, stop = indptr[first + i], indptr[first + i + 1]
        source = indptr[0]
        if parent >= 0:
            source = indptr[parent if parent < shared else parent + shift]
        while out < stop - 1 and codes[source] < code:
            codes[out] = codes[source]
            source += 1
            out += 1
        codes[out] = code
        while out < stop - 1:
            out += 1
            codes[out] = codes[source]
            source += 1


@kernel
def copy_rows(kept: Int64Array, indptr: Int64Array, codes: Int32Array, out_indptr: Int64Array, out: Int32Array) -> None:
    """Copy the rows numbered in `kept`."""
    for i in range(kept.size):
        start = indptr[kept[i]]
        for j in range(out_indptr[i + 1] - out_indptr[i]):
            out[out_indptr[i] + j] = codes[start + j]
