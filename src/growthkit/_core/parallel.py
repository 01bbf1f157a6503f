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
from functools import cache, lru_cache
from importlib import import_module
from itertools import pairwise
from threading import Lock, main_thread
from typing import Any, Generic, TypeVar

import numpy as np

from ..typing import Int64Array
from .params import Params

__all__ = ["SMALL", "block_edges", "rows_apart", "run_blocks", "serial_blas", "thread_count"]

SMALL = 200_000
"""Rows below which starting threads costs more than it saves."""

CACHE_LINES = 128
"""Bytes that processors move between cores together: two lines of 64."""

MOST_HELPERS = 1024
"""Threads that the pool may come to hold, those of all concurrent calls together; there are as many as were needed."""

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
    if n_threads == 1 or n_blocks <= 1 or not main_thread().is_alive():  # at the interpreter's exit no thread starts
        return list(_watched(map(work, range(n_blocks)), n_blocks, progress, label))
    blocks = _Blocks(work, _watched(range(n_blocks), n_blocks, progress, label))
    with serial_blas():
        helpers = [_pool().submit(blocks.work_off) for _ in range(min(n_threads, n_blocks) - 1)]
        blocks.work_off()
        for helper in helpers:
            if not helper.cancel():  # one that has not begun is not needed any more
                helper.result()
    if blocks.errors:
        raise blocks.errors[min(blocks.errors)]
    return [blocks.answers[block] for block in range(n_blocks)]


class _Blocks(Generic[Answer]):
    """The blocks of one call, which the caller and its helpers work off in order, whoever is free.

    As the caller works, too, a call never waits for a helper that has not begun: calls may be nested, and concurrent.
    """

    def __init__(self, work: Callable[[int], Answer], numbers: Iterable[int]) -> None:
        self.answers: dict[int, Answer] = {}
        self.errors: dict[int, BaseException] = {}
        self._work, self._numbers, self._lock = work, iter(numbers), Lock()

    def work_off(self) -> None:
        """Work until no block is left, or one has failed; those before it have begun, so the first error is found."""
        while (block := self._next()) is not None:
            try:
                self.answers[block] = self._work(block)
            except BaseException as error:
                self.errors[block] = error

    def _next(self) -> int | None:
        with self._lock:
            return None if self.errors else next(self._numbers, None)


@cache
def _pool() -> ThreadPoolExecutor:
    """Return the pool that all calls share: threads take a quarter of a millisecond to start and end."""
    return ThreadPoolExecutor(MOST_HELPERS, "growthkit")


if hasattr(os, "register_at_fork"):  # a forked child has none of its parent's threads
    os.register_at_fork(after_in_child=_pool.cache_clear)


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
