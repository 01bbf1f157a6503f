"""Blocks of kernel work on a pool of threads.

Kernels release the GIL, so plain threads scale; numba's own thread layers abort under concurrent Python threads and in
forked children, which services that vendor the library have. Blocks write to fixed slots: the output is the same for
any number of threads.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from importlib import import_module
from itertools import pairwise
from threading import Lock
from typing import Any, TypeVar

import numpy as np

from ..typing import Int64Array
from .params import Params

__all__ = ["SMALL", "block_edges", "rows_apart", "run_blocks", "serial_blas", "thread_count"]

SMALL = 200_000
"""Rows below which starting threads costs more than it saves."""

CACHE_LINES = 128
"""Bytes that processors move between cores together: two lines of 64."""

Answer = TypeVar("Answer")


def thread_count(n_threads: int | None, *, n_rows: int, function: str) -> int:
    """Return how many threads to use: what was asked for, or every core, but one where the work is small."""
    if n_threads is not None:
        Params(function).whole("n_threads", n_threads, low=1)
    if n_rows < SMALL:
        return 1
    return n_threads or _available_cores()


def block_edges(n: int, n_blocks: int) -> list[tuple[int, int]]:
    """Cut ``range(n)`` into `n_blocks` runs of nearly equal length; nothing into none."""
    edges = [n * block // max(n_blocks, 1) for block in range(n_blocks + 1)]
    return list(pairwise(edges))


def run_blocks(
    work: Callable[[int], Answer], n_blocks: int, *, n_threads: int, progress: bool = False, label: str = ""
) -> list[Answer]:
    """Call ``work(block)`` for every block, on `n_threads` threads, and return the answers in block order.

    Parameters
    ----------
    work
        A function of the block's number that runs compiled code and writes only to slots of its own.
    n_blocks
        How many blocks there are; use several per thread where blocks differ in size.
    n_threads
        As `thread_count` returned it.
    progress
        Whether to show a bar.
    label
        The bar's text.
    """
    if n_threads == 1 or n_blocks <= 1:
        return list(_watched(map(work, range(n_blocks)), n_blocks, progress, label))
    with serial_blas(), ThreadPoolExecutor(min(n_threads, n_blocks)) as pool:
        return list(_watched(pool.map(work, range(n_blocks)), n_blocks, progress, label))


def rows_apart(n_rows: int, n_columns: int) -> Int64Array:
    """Return zeros, a row a block, with a gap between rows: two threads never write to one line of the cache."""
    return np.zeros((n_rows, n_columns + CACHE_LINES // 8), dtype=np.int64)[:, :n_columns]


@contextmanager
def serial_blas() -> Generator[None]:
    """Hold BLAS to one thread: its own threads would change the order, and so the last bits, of sums.

    The number of threads belongs to the process: it is set back when the last of those leaves who asked for one, in
    whatever order concurrent callers come and go.
    """
    _serial.enter(_linear_algebra(len(sys.modules)))
    try:
        yield
    finally:
        _serial.leave()


class _Serial:
    """How many callers hold BLAS to one thread, and what sets it back."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._callers = 0
        self._limited: Any = None
        self._limits = ExitStack()

    def enter(self, libraries: Any) -> None:
        with self._lock:
            if libraries is not self._limited:  # the first caller, or a library was loaded since
                self._limits.enter_context(libraries.limit(limits=1))
                self._limited = libraries
            self._callers += 1

    def leave(self) -> None:
        with self._lock:
            self._callers -= 1
            if not self._callers:
                self._limited = None
                self._limits.close()


_serial = _Serial()


@lru_cache(maxsize=1)
def _linear_algebra(n_modules: int) -> Any:
    """Return the control of the BLAS libraries in use, looked for again when modules have been loaded since."""
    del n_modules
    from threadpoolctl import ThreadpoolController

    import_module("scipy.linalg")  # kernels call its BLAS, and what is loaded later than this could not be held
    return ThreadpoolController()


def _watched(answers: Iterable[Answer], total: int, progress: bool, label: str) -> Iterable[Answer]:
    if not progress:
        return answers
    from tqdm.auto import tqdm

    return tqdm(answers, total=total, desc=label, leave=False)


def _available_cores() -> int:
    asked = os.environ.get("GROWTHKIT_NUM_THREADS", "")
    if asked.isdigit() and int(asked) > 0:
        return int(asked)
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows
        return os.cpu_count() or 1
