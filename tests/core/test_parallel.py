"""Blocks on threads: order, policy, errors."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from growthkit._core import parallel
from growthkit._core.parallel import block_edges, run_blocks, serial_blas, thread_count
from growthkit.exceptions import ParameterError


@pytest.mark.parametrize("n_threads", [1, 2, 5])
@pytest.mark.parametrize("n_blocks", [0, 1, 2, 23])
def test_answers_stand_in_block_order(n_threads: int, n_blocks: int) -> None:
    def work(block: int) -> int:
        time.sleep(0.002 * (block % 3 == 0))
        return block * block

    assert run_blocks(work, n_blocks, n_threads=n_threads) == [block**2 for block in range(n_blocks)]


def test_threads_really_run() -> None:
    meeting = threading.Barrier(3, timeout=30)
    assert sorted(run_blocks(lambda block: (meeting.wait(), block)[1], 3, n_threads=3)) == [0, 1, 2]


def test_one_thread_is_the_callers() -> None:
    assert set(run_blocks(lambda block: threading.get_ident(), 4, n_threads=1)) == {threading.get_ident()}


@pytest.mark.parametrize("n_threads", [1, 3])
def test_errors_reach_the_caller(n_threads: int) -> None:
    def work(block: int) -> int:
        if block == 5:
            raise ZeroDivisionError("block 5")
        return block

    with pytest.raises(ZeroDivisionError, match="block 5"):
        run_blocks(work, 9, n_threads=n_threads)


@pytest.mark.parametrize("n_threads", [1, 3])
def test_of_several_errors_the_first_blocks_is_raised(n_threads: int) -> None:
    def work(block: int) -> int:
        time.sleep(0.02 * (block == 1))
        raise ValueError(f"block {block}") if block else ZeroDivisionError("block 0")

    for _ in range(20):
        with pytest.raises(ZeroDivisionError, match="block 0"):
            run_blocks(work, 9, n_threads=n_threads)


def test_nothing_runs_any_more_when_an_error_reaches_the_caller() -> None:
    running = set[int]()

    def work(block: int) -> None:
        running.add(block)
        time.sleep(0.05 * (block == 1))
        if block == 0:
            raise ZeroDivisionError
        running.remove(block)

    with pytest.raises(ZeroDivisionError):
        run_blocks(work, 2, n_threads=2)
    assert running <= {0}


def test_threads_are_kept_for_the_next_call() -> None:
    def idents() -> set[int]:
        meeting = threading.Barrier(3, timeout=30)
        return set(run_blocks(lambda _: (meeting.wait(), threading.get_ident())[1], 3, n_threads=3))

    parallel._pool.cache_clear()
    seen = set[int]().union(*(idents() for _ in range(20)))
    assert len(seen) == 3
    assert threading.get_ident() in seen


@pytest.mark.parametrize("n_threads", [2, 5])
def test_no_more_threads_than_asked_for(n_threads: int) -> None:
    run_blocks(lambda _: time.sleep(0.002), 30, n_threads=9)  # so that the pool has more
    idents = run_blocks(lambda _: (time.sleep(0.001), threading.get_ident())[1], 40, n_threads=n_threads)
    assert len(set(idents)) <= n_threads


def test_calls_within_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where they need more threads than the pool may hold."""
    pool = parallel.ThreadPoolExecutor(2)
    monkeypatch.setattr(parallel, "_pool", lambda: pool)

    def nested(depth: int) -> int:
        return 1 if depth == 0 else sum(run_blocks(lambda _: nested(depth - 1), 3, n_threads=3))

    with pool:
        assert nested(4) == 3**4


def test_concurrent_callers() -> None:
    def call(start: int) -> list[int]:
        return run_blocks(lambda block: start + block, 50, n_threads=3)

    with parallel.ThreadPoolExecutor(8) as callers:
        for start, found in enumerate(callers.map(call, range(100))):
            assert found == list(range(start, start + 50))


def run_program(program: str) -> str:
    start = "from growthkit._core.parallel import run_blocks\n"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", start + program], capture_output=True, text=True, check=True, timeout=60
    )
    assert not done.stderr
    return done.stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_starts_threads_of_its_own() -> None:
    program = (
        "import os, sys\n"
        "print(run_blocks(lambda b: b, 3, n_threads=3), flush=True)\n"
        "child = os.fork()\n"
        "print(run_blocks(lambda b: -b, 3, n_threads=3), flush=True)\n"
        "if child:\n"
        "    sys.exit(os.waitpid(child, 0)[1])\n"
    )
    assert sorted(run_program(program).splitlines()) == ["[0, -1, -2]", "[0, -1, -2]", "[0, 1, 2]"]


def test_a_call_at_the_interpreters_exit() -> None:
    program = (
        "import atexit\n"
        "run_blocks(lambda b: b, 3, n_threads=3)\n"
        "atexit.register(lambda: print(run_blocks(lambda b: b, 3, n_threads=3)))\n"
    )
    assert run_program(program) == "[0, 1, 2]\n"


def test_blas_is_held_to_one_thread_inside_and_freed_after() -> None:
    from threadpoolctl import threadpool_info

    def threads() -> list[Any]:
        return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

    before = threads()
    inside = run_blocks(lambda block: threads(), 2, n_threads=2)
    assert all(set(found) <= {1} for found in inside)
    assert threads() == before


def test_blas_is_freed_by_the_last_of_several_callers() -> None:
    from threadpoolctl import threadpool_info, threadpool_limits

    def threads() -> set[int]:
        return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

    with serial_blas():  # which loads the libraries
        pass
    with threadpool_limits(2, "blas"):
        before = threads()
        first, second = serial_blas(), serial_blas()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert threads() == {1}
        second.__exit__(None, None, None)
        assert threads() == before


def test_nothing_is_cut_into_no_blocks() -> None:
    assert block_edges(0, 0) == []


@pytest.mark.slow
def test_the_blas_of_kernels_is_held_though_no_kernel_has_called_it_yet() -> None:
    program = (
        "from growthkit._core.parallel import serial_blas\n"
        "from threadpoolctl import threadpool_info\n"
        "with serial_blas():\n"
        "    import scipy.linalg\n"
        "    print({pool['num_threads'] for pool in threadpool_info() if pool['user_api'] == 'blas'})\n"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "{1}\n"


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("progress", [True, False])
def test_bar_is_drawn_only_if_asked_for(progress: bool, n_threads: int, capsys: pytest.CaptureFixture[str]) -> None:
    found = run_blocks(lambda block: block, 3, n_threads=n_threads, progress=progress, label="counting")
    assert found == [0, 1, 2]
    assert ("counting" in capsys.readouterr().err) is progress


@given(st.integers(0, 1_000), st.integers(1, 40))
def test_edges_cut_everything_into_nearly_equal_blocks(n: int, n_blocks: int) -> None:
    edges = block_edges(n, n_blocks)
    assert (edges[0][0], edges[-1][1], len(edges)) == (0, n, n_blocks)
    assert all(one[1] == two[0] for one, two in pairwise(edges))
    sizes = [stop - start for start, stop in edges]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(
    ("n_threads", "n_rows", "expected"),
    [(4, parallel.SMALL, 4), (4, parallel.SMALL - 1, 1), (1, 10**9, 1), (None, 10, 1)],
)
def test_small_work_is_not_shared_out(n_threads: int | None, n_rows: int, expected: int) -> None:
    assert thread_count(n_threads, n_rows=n_rows, function="f") == expected


def test_all_cores_unless_the_environment_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GROWTHKIT_NUM_THREADS", raising=False)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert thread_count(None, n_rows=10**9, function="f") == cores
    monkeypatch.setenv("GROWTHKIT_NUM_THREADS", "7")
    assert thread_count(None, n_rows=10**9, function="f") == 7
    assert thread_count(3, n_rows=10**9, function="f") == 3


@pytest.mark.parametrize("nonsense", ["0", "-2", "many", ""])
def test_nonsense_in_the_environment_is_ignored(nonsense: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROWTHKIT_NUM_THREADS", nonsense)
    assert thread_count(None, n_rows=10**9, function="f") >= 1


@pytest.mark.parametrize("n_threads", [0, -1, 1.5, "2", True])
def test_no_threads_is_refused_even_for_small_work(n_threads: Any) -> None:
    with pytest.raises(ParameterError, match=r"^f: n_threads must be a whole number .*1, got"):
        thread_count(n_threads, n_rows=1, function="f")
