"""Short text of Polars, which is encoded from Arrow's views, against text encoded by Arrow and by pandas."""

from __future__ import annotations

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from growthkit._core import vocabulary
from growthkit._core.frames import read_frame


def encoded(frame: object) -> tuple[list[int], list[str]]:
    codes, found = read_frame(frame, function="test").ids("text", role="ids")  # type: ignore[arg-type]
    return codes.tolist(), found.labels.tolist()


@given(st.lists(st.text(max_size=6) | st.sampled_from(["", "a", "a\0", "twelve bytes", "thirteen byte"]), min_size=1))
def test_is_that_of_other_libraries(texts: list[str]) -> None:
    frame = pl.DataFrame({"text": texts})
    expected = encoded(pa.table({"text": texts}))
    assert encoded(frame) == expected
    assert encoded(pl.concat([frame, frame])) == encoded(pd.DataFrame({"text": texts * 2}))
    assert encoded(frame[len(texts) // 2 :]) == encoded(pa.table({"text": texts[len(texts) // 2 :]}))


@pytest.mark.parametrize("late", [0, 5000])
@pytest.mark.parametrize("distinct", [2047, 2048, 2049, 5000])
def test_many_different_ones(distinct: int, late: int) -> None:
    texts = ["z"] * late + [f"u{i}" for i in range(distinct)] * 2
    assert encoded(pl.DataFrame({"text": texts})) == encoded(pd.DataFrame({"text": texts}))


def test_long_ones_take_the_other_way() -> None:
    texts = pl.DataFrame({"text": ["short", "much longer than twelve bytes"]})
    ids = read_frame(texts, function="test").plain_ids("text", role="ids")
    assert vocabulary._encode_short_texts(ids, 1) is None
    assert encoded(texts) == ([1, 0], ["much longer than twelve bytes", "short"])
