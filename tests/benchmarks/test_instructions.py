"""Ratios of instructions are compared with the committed ones, and one that got worse fails."""

import json
from pathlib import Path

import pytest

from tests.benchmarks import callgrind
from tests.benchmarks.instructions import COMMITTED, MOST, PYTHON, RATIOS, compare, judge, render, verdict

COSTS = {
    "otel-mmlog": 1000.0,
    "logging + json": 100.0,
    "structlog + OTel gauges": 500.0,
    "mmengine": 4000.0,
    "hub": 10.0,
    "mmengine hub": 100.0,
    "record": 20.0,
    "mmengine record": 80.0,
    "build": 900.0,
    "mmengine build": 300.0,
    "journal line": 400.0,
    "every value": 1800.0,
    "delivery": 500.0,
}


def committed() -> dict[str, float]:
    return {one.name: one.ratio for one in compare(COSTS, {})}


def test_ratios() -> None:
    """What a unit costs us is divided by what it costs the peer, less what is there without it."""
    assert list(committed().values()) == [10, 2, 0.25, 0.1, 0.25, 2, 0.4, 0.1, 0.5]


def test_the_same_costs_pass() -> None:
    """Nothing changed, nothing is said."""
    outcomes = compare(COSTS, committed())
    assert [one.change for one in outcomes] == [0] * len(RATIOS)
    assert verdict(outcomes, require=True) == ("none is over 10% above its committed ratio", 0)


def test_worse_ratio_fails_by_name() -> None:
    """A ratio that is over 10 % above the committed one fails; one that is 9 % above does not."""
    before = committed()
    assert verdict(compare({**COSTS, "record": 20 * 1.09}, before), require=True)[1] == 0
    said, code = verdict(compare({**COSTS, "record": 20 * 1.11}, before), require=False)
    assert code == 1
    assert said.endswith("committed ratio: a record alone / mmengine record")


def test_faster_peer_is_a_worse_ratio() -> None:
    """Only the ratio counts: both sides twice as dear is no change, a peer at half its cost is."""
    before = committed()
    twice = {name: 2 * cost for name, cost in COSTS.items()}
    assert verdict(compare(twice, before), require=True)[1] == 0
    assert verdict(compare({**COSTS, "mmengine hub": 50.0}, before), require=True)[1] == 1


def test_python_without_committed_ratios_fails_only_if_asked() -> None:
    """Nothing is compared then, which is said."""
    outcomes = compare(COSTS, {})
    said, code = verdict(outcomes, require=False)
    assert said == (
        f"not compared: instructions.json does not have any ratio for Python {PYTHON} (--update adds it)"
    )
    assert code == 0
    assert verdict(outcomes, require=True) == (said, 1)


def test_one_missing_ratio_is_named() -> None:
    """A ratio that is new is named, and the others are compared."""
    before = committed()
    del before["a record alone / mmengine record"]
    said, code = verdict(compare({**COSTS, "hub": 20.0}, before), require=False)
    assert code == 1
    assert "8 scalars into the hub / mmengine hub" in said
    assert "does not have a record alone / mmengine record" in said


def test_table_has_each_ratio() -> None:
    """A line a ratio, with the committed one and the change."""
    head, *lines = render(compare({**COSTS, "hub": 12.0}, committed())).splitlines()
    assert head.split()[-4:] == ["peer", "ratio", "committed", "change"]
    assert [line.split()[-1] for line in lines] == ["+0.0%"] * 3 + ["+20.0%"] + ["+0.0%"] * 5


def test_committed_ratios_are_those_that_are_measured() -> None:
    """The file has all ratios and no other, above zero, for each Python that it has."""
    for ratios in json.loads(COMMITTED.read_text()).values():
        assert list(ratios) == sorted(ratio.name for ratio in RATIOS)
        assert min(ratios.values()) > 0


def test_update_writes_what_the_next_run_compares_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``--update`` keeps other Pythons' ratios; then the same costs pass, and worse ones exit with 1."""
    path = tmp_path / "instructions.json"
    path.write_text('{"2.7": {"a": 1.0}}')
    assert judge(COSTS, path, update=True, require=False) == 0
    assert json.loads(path.read_text()) == {"2.7": {"a": 1.0}, PYTHON: committed()}
    assert judge(COSTS, path, update=False, require=True) == 0
    assert judge({**COSTS, "delivery": 500 * MOST * 1.01}, path, update=False, require=False) == 1
    assert "a point delivered" in capsys.readouterr().out.splitlines()[-1]


def test_totals_are_read_in_the_order_of_the_marks(tmp_path: Path) -> None:
    """The tenth dump comes after the ninth, and one that is cut off is an error."""
    for number in range(1, 12):
        (tmp_path / f"callgrind.{number}").write_text(f"part: {number}\nsummary: 5\ntotals: {number}00\n")
    assert callgrind.read_totals(tmp_path.glob("callgrind.*")) == [number * 100 for number in range(1, 12)]
    (tmp_path / "callgrind.12").write_text("part: 12\n")
    with pytest.raises(ValueError, match="cut off"):
        callgrind.read_totals(tmp_path.glob("callgrind.*"))
