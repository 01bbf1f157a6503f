"""Compare growthkit with its peers: ``python benchmarks/compare.py [AREA or CASE ...]``.

Checks that all contenders answer alike, times them in turn, and writes the ratios of each area to
``results/<area>.md`` and ``.json``. A file holds exactly one run: what was measured together. How each figure is
measured stands in `probe`; the cases stand in `cases`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

if __package__ in (None, ""):  # run as a script: the repository stands in for this directory
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from benchmarks.cases import chosen
from benchmarks.contest import OURS, Case
from benchmarks.report import as_markdown

__all__ = ["main"]

HERE = Path(__file__).resolve().parent
MEASURES = ("warm", "first", "memory")
THREAD_VARIABLES = (
    "GROWTHKIT_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "NUMBA_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
)
ALWAYS_NAMED = ("numpy", "numba", "narwhals")
"""Libraries whose versions every report gives, beside those of the peers."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the comparison that the command line asks for."""
    asked = _parser().parse_args(arguments)
    try:
        cases = chosen(asked.wanted)
    except LookupError as error:
        raise SystemExit(f"compare: {error.args[0]}") from error
    if asked.list:
        print("\n".join(f"{case.area:<14}{case.name}" for case in cases))
        return
    runnable = [case for case in cases if not _skipped(case)]
    measured = [_measure(case, asked) for case in runnable]
    run = _setting(runnable, asked.threads) | {"cases": measured}
    for area in dict.fromkeys(case.area for case in runnable):
        _write(Path(asked.out), area, run)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Compare growthkit with its peers, in one run on equal answers.")
    parser.add_argument("wanted", nargs="*", metavar="AREA or CASE", help="what to run; everything if left out")
    parser.add_argument("--repeats", type=int, default=7, help="turns of each contender (default: 7)")
    parser.add_argument("--budget", type=float, default=60.0, help="seconds a contender may use before it gets no more")
    parser.add_argument("--threads", type=int, default=_cores(), help="threads of every contender (default: all cores)")
    parser.add_argument("--out", default=HERE / "results", help="folder of the reports (default: benchmarks/results)")
    parser.add_argument("--measure", nargs="+", choices=MEASURES, default=MEASURES, help="what to measure")
    parser.add_argument("--list", action="store_true", help="print the cases and stop")
    return parser


def _skipped(case: Case) -> bool:
    if case.missing:
        _say(f"{case.name}: skipped, not installed: {', '.join(case.missing)}")
    if case.missing_files:
        _say(f"{case.name}: skipped, not in the folder of larger data: {', '.join(case.missing_files)}")
    return bool(case.missing or case.missing_files)


def _measure(case: Case, asked: argparse.Namespace) -> dict[str, Any]:
    contenders: dict[str, dict[str, Any]] = {name: {} for name, _ in case.present()}
    environment = os.environ | dict.fromkeys(THREAD_VARIABLES, str(asked.threads))
    if "warm" in asked.measure:
        _say(f"{case.name}: warm, {asked.repeats} turns of {len(contenders)}")
        options = (f"--repeats={asked.repeats}", f"--budget={asked.budget}")
        for name, samples in _probe("warm", case, environment, *options).items():
            contenders[name].update(samples)
    if "first" in asked.measure:
        _measure_first_calls(case, contenders, environment)
    if "memory" in asked.measure:
        for name, one in contenders.items():
            _say(f"{case.name}: peak memory of {name}")
            one["peak_bytes"] = _probe("memory", case, environment, f"--contender={name}")
    return {"name": case.name, "area": case.area, "contenders": contenders, "not_installed": list(case.absent())}


def _measure_first_calls(case: Case, contenders: Mapping[str, dict[str, Any]], environment: Mapping[str, str]) -> None:
    """Time first calls in fresh processes, ours also with an empty numba cache."""
    with tempfile.TemporaryDirectory() as folder:
        cached = {**environment, "NUMBA_CACHE_DIR": folder}
        _say(f"{case.name}: first call of {OURS}, nothing cached")
        contenders[OURS]["first_call_nothing_cached"] = _probe("first", case, cached)
        for name, one in contenders.items():
            _say(f"{case.name}: first call of {name}")
            one["first_call"] = _probe("first", case, cached, f"--contender={name}")


def _probe(measure: str, case: Case, environment: Mapping[str, str], *options: str) -> Any:
    """Run one measurement in a fresh process and return what it prints."""
    command = [sys.executable, str(HERE / "probe.py"), measure, case.name, *options]
    done = subprocess.run(command, env=dict(environment), stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"compare: {case.name}: {measure} failed; nothing is written. The reason stands above.")
    return json.loads(done.stdout.splitlines()[-1])


def _setting(cases: Iterable[Case], threads: int) -> dict[str, Any]:
    """Return what a reader must know of the run; nothing that names the machine."""
    libraries = [*ALWAYS_NAMED, *(one.library for case in cases for name, one in case.present() if name != OURS)]
    versions = {library: _version(library) for library in dict.fromkeys(libraries)}
    return {
        "threads": threads,
        "cores": _cores(),
        "python": platform.python_version(),
        "versions": {OURS: _our_version(), **versions},
    }


def _our_version() -> str:
    import growthkit

    return growthkit.__version__


def _version(module: str) -> str:
    distributions = metadata.packages_distributions().get(module, [module])
    return metadata.version(distributions[0])


def _write(folder: Path, area: str, run: Mapping[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    own = {**run, "area": area, "cases": [case for case in run["cases"] if case["area"] == area]}
    (folder / f"{area}.json").write_text(json.dumps(own, indent=1) + "\n")
    (folder / f"{area}.md").write_text(as_markdown(area, own))
    _say(f"{area}: written")


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows
        return os.cpu_count() or 1


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
