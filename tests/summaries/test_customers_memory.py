"""How much memory ten million rows take, in a process of their own."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("resource", reason="needs the high-water mark of memory that Unix keeps")

PROGRAM = '''
import pathlib, resource, sys
import numpy as np, pandas as pd
from growthkit.summaries import customers

def high_water():
    """Bytes; what getrusage tells on Linux includes the process that started this one."""
    status = pathlib.Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)

N, CUSTOMERS, CHUNK = 10_000_000, 500_000, 100_000
columns = {
    "customer_id": np.empty(N, np.int64),
    "timestamp": np.empty(N, "datetime64[us]"),
    "value": np.empty(N),
}
random = np.random.default_rng(0)
for start in range(0, N, CHUNK):  # by chunks, so that making the log leaves no mark above the log itself
    rows = slice(start, start + CHUNK)
    columns["customer_id"][rows] = random.integers(0, CUSTOMERS, CHUNK)
    seconds = random.integers(0, 365 * 86_400, CHUNK).astype("timedelta64[s]")
    columns["timestamp"][rows] = np.datetime64("2025-01-01", "us") + seconds
    columns["value"][rows] = random.integers(0, 10_000, CHUNK) / 100
frame = pd.DataFrame(columns, copy=False)
small = frame.iloc[:1000].assign(customer_id=np.arange(1000) % 50)  # ids of a narrow range, like those of the log
customers(small, value="value", n_threads=2)  # compiles, and loads what is loaded lazily
before = high_water()
summary = customers(frame, value="value", n_threads=2)
print(len(summary), (high_water() - before) // 10**6)
'''


@pytest.mark.slow
def test_ten_million_rows_take_less_than_400_mb_on_top_of_the_log() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    n_customers, megabytes = map(int, done.stdout.split())
    assert n_customers == 500_000
    assert 10 < megabytes < 400
