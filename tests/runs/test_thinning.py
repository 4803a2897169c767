"""A long file is looked at whole: of the lines that are not kept no picture and no comparison lacks anything."""

import itertools
import json
import math
import random
from collections import Counter
from pathlib import Path

import pytest

from otel_mmlog.runs import series as series_module
from otel_mmlog.runs import thinning as thinning_module
from otel_mmlog.runs.find import find_runs
from otel_mmlog.runs.series import Series, read_series
from tests.runs import written

ODD = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
LOSS = "train/loss"


@pytest.fixture(autouse=True)
def _is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file counts as long, and has few stretches."""
    monkeypatch.setattr(series_module, "WHOLE_BYTES", 0)
    monkeypatch.setattr(thinning_module, "_STRETCHES", 40)
    monkeypatch.setattr(thinning_module, "_LEAST_BYTES", 1000)


def lines_of_run(count: int) -> list[bytes]:
    """A noisy loss with spikes, odd values, two loops, another order of tags, and texts that look like records."""
    chance = random.Random(1)
    lines = []
    for step in range(1, count + 1):
        loss = ("NaN", "Infinity", "-Infinity")[step % 3] if chance.random() < 0.02 else chance.gauss(1, 0.1)
        tags = {"lr": 0.1, "loss": 50.0 if step == count // 3 else loss, 'a "}\\é': 1.5, "kind": "x, {1}"}
        del tags["kind" if step % 7 else "lr"]
        if step == count // 2:
            tags["once"] = 3
        lines.append(written.record_line(step, tags))
        if step % 500 == 0:
            lines.append(written.record_line(step, {"acc": step / count}, mode="val"))
            text = '"mode": "train", "epoch": 1, "iter": 1, "step": 1, "tags": {"lr": 0.1, "loss": 1000.0}'
            lines.append(written.json_line(event=text))
    return lines


def read(folder: Path) -> dict[str, Series]:
    """All scalars of the one run in a folder."""
    return read_series(find_runs(folder)[0], lambda _name: True, 0)


def test_no_extreme_and_nothing_odd_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lowest, highest, first and last value, val loops, tags of one record, counts of NaN: as of all lines."""
    written.write(tmp_path / "a.jsonl", lines_of_run(5000), rest=b'{"ts": "torn')
    thinned = read(tmp_path)
    monkeypatch.setattr(series_module, "WHOLE_BYTES", 1 << 30)
    whole = read(tmp_path)
    assert thinned.keys() == whole.keys()
    assert "train/once" in thinned
    assert len(thinned[LOSS]) < len(whole[LOSS]) / 4
    for name, all_of_it in whole.items():
        few = thinned[name]
        for pick in (min, max):
            assert pick(filter(math.isfinite, few.values)) == pick(filter(math.isfinite, all_of_it.values))
        ends = [(each.steps[at], each.times_s[at]) for each in (few, all_of_it) for at in (0, -1)]
        assert ends[:2] == ends[2:]
        assert odd_counts(few) == odd_counts(all_of_it)
    assert first_odd(thinned[LOSS]) == first_odd(whole[LOSS])
    assert thinned["val/acc"].values == whole["val/acc"].values


def odd_counts(series: Series) -> Counter[str]:
    """How often each value occurs that is not finite."""
    names = {"nan": "NaN", "inf": "Inf", "-inf": "-Inf"}
    kept = Counter(names[str(value)] for value in series.values if not math.isfinite(value))
    return kept + Counter(series.left_out)


def first_odd(series: Series) -> int:
    """The first step of a value that is not finite."""
    return next(
        step for step, value in zip(series.steps, series.values, strict=True) if not math.isfinite(value)
    )


def test_what_was_done_again_counts_once(tmp_path: Path) -> None:
    """Where iterations go back is kept, so that the steps behind it are forgotten, in an attempt and between two."""
    tags = {"loss": 9.0, "time": 0.2, "data_time": 0.1}
    lines = [written.record_line(step, tags) for step in range(1, 1001)]
    lines += [written.record_line(step, {**tags, "loss": 1.0}) for step in range(301, 1001)]
    lines += [written.record_line(step, {**tags, "loss": 2.0}, attempt=1) for step in range(601, 1501)]
    written.write(tmp_path / "a.jsonl", lines)
    found = read(tmp_path)[LOSS]
    assert all(earlier < later for earlier, later in itertools.pairwise(found.steps))
    by_value = {
        value: [step for step, at in zip(found.steps, found.values, strict=True) if at == value]
        for value in (9.0, 1.0, 2.0)
    }
    assert [(steps[0], steps[-1] if value == 2.0 else None) for value, steps in by_value.items()] == [
        (1, None),
        (301, None),
        (601, 1500),
    ]
    assert max(by_value[9.0]) <= 300
    assert max(by_value[1.0]) <= 600


def test_damaged_numbers_cost_themselves(tmp_path: Path) -> None:
    """A line that only looks like a record is left out, its neighbours are not."""
    lines = [written.record_line(step, {"loss": float(step)}) for step in range(1, 200)]
    lines[50] = lines[50].replace(b'"loss": 51.0', b'"loss": 5e.1')
    lines[60] = json.dumps({"tags": {"loss": 1e9}}).encode()
    written.write(tmp_path / "a.jsonl", lines)
    found = read(tmp_path)[LOSS]
    assert (min(found.values), max(found.values)) == (1.0, 199.0)
    assert 51 not in found.steps
