"""Itemsets as a trie in flat arrays, which is expanded when it is asked for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .._core.parallel import run_blocks
from ..typing import AnyArray, Int32Array, Int64Array
from . import _trie_kernels

__all__ = ["Listing", "Trie"]


class Trie:
    """Itemsets as entries (parent, item, count): each is its parent and one item more.

    Parameters
    ----------
    code_of
        The item's code of each number that stands for an item in the entries.
    shared
        The entries of the items that stand in every basket, which all blocks refer to.
    blocks
        The pieces of each block. Its entries are numbered on from those that are shared.
    n_threads
        Threads to read it with.
    """

    def __init__(self, code_of: Int32Array, shared: AnyArray, blocks: list[list[AnyArray]], n_threads: int) -> None:
        self.code_of = code_of
        self.shared = shared
        self.blocks = blocks
        self.n_threads = n_threads

    def __len__(self) -> int:
        """Return the number of itemsets."""
        return len(self.shared) + sum(len(piece) for pieces in self.blocks for piece in pieces)

    @property
    def nbytes(self) -> int:
        """The memory that the entries take."""
        return self.shared.nbytes + sum(piece.nbytes for pieces in self.blocks for piece in pieces)

    def read(self, min_len: int) -> tuple[Int64Array, Int32Array, Int64Array]:
        """Return the itemsets of at least `min_len` items as indptr, codes (in rising order) and counts."""
        n = len(self)
        lengths = np.empty(n, dtype=np.int64)
        counts = np.empty(n, dtype=np.int64)

        def measure(piece: AnyArray, first: int, shift: int) -> None:
            counts[first : first + len(piece)] = piece[:, 2]
            _trie_kernels.measure(piece, first, len(self.shared), shift, lengths)

        self._each_piece(measure)
        indptr = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(lengths)))
        codes = np.empty(indptr[-1], dtype=np.int32)

        def spell(piece: AnyArray, first: int, shift: int) -> None:
            _trie_kernels.spell(piece, self.code_of, first, len(self.shared), shift, indptr, codes)

        self._each_piece(spell)
        kept = np.flatnonzero(lengths >= min_len)
        if kept.size == n:
            return indptr, codes, counts
        out_indptr = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(lengths[kept])))
        out = np.empty(out_indptr[-1], dtype=np.int32)
        _trie_kernels.copy_rows(kept, indptr, codes, out_indptr, out)
        return out_indptr, out, counts[kept]

    def _each_piece(self, work: Callable[[AnyArray, int, int], None]) -> None:
        """Call ``work(piece, first, shift)``, the pieces of a block in their order."""
        work(self.shared, 0, 0)
        sizes = [sum(map(len, pieces)) for pieces in self.blocks]
        starts = len(self.shared) + np.cumsum([0, *sizes])

        def work_on_block(block: int) -> None:
            first = int(starts[block])
            shift = first - len(self.shared)
            for piece in self.blocks[block]:
                work(piece, first, shift)
                first += len(piece)

        run_blocks(work_on_block, len(self.blocks), n_threads=self.n_threads)


class Listing:
    """Itemsets that are expanded to arrays when these are first asked for.

    Parameters
    ----------
    trie
        The itemsets.
    min_len
        The fewest items of those that count.
    """

    def __init__(self, trie: Trie | None, min_len: int = 1) -> None:
        self._trie = trie
        self._min_len = min_len
        self._arrays: tuple[Int64Array, Int32Array, Int64Array] | None = None

    @classmethod
    def of(cls, indptr: AnyArray, codes: AnyArray, counts: AnyArray) -> Listing:
        """Return itemsets that are arrays already."""
        listing = cls(None)
        listing._set(indptr.astype(np.int64), codes.astype(np.int32), counts.astype(np.int64))
        return listing

    def __len__(self) -> int:
        """Return the number of itemsets."""
        if self._arrays is None and self._trie is not None and self._min_len == 1:
            return len(self._trie)
        return self.arrays[2].size

    @property
    def nbytes(self) -> int:
        """The memory that the itemsets take at present."""
        if self._trie is not None:
            return self._trie.nbytes
        return sum(array.nbytes for array in self.arrays)

    @property
    def arrays(self) -> tuple[Int64Array, Int32Array, Int64Array]:
        """The itemsets as indptr, codes and counts."""
        if self._arrays is None:
            assert self._trie is not None
            self._set(*self._trie.read(self._min_len))
        assert self._arrays is not None
        return self._arrays

    def _set(self, *arrays: AnyArray) -> None:
        for array in arrays:
            array.flags.writeable = False
        self._arrays, self._trie = arrays, None  # type: ignore[assignment]
