"""Keeps what we cost, against others, from getting worse: ``python -m tests.benchmarks.instructions``.

Counts instructions under valgrind, so that a busy machine changes nothing, and takes ratios within one run, so that
another CPU or library changes both sides. Exits with 1 where one is over 10 % above the committed one. What Python's
own instructions cost differs between its minor versions: each has committed ratios of its own.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks import callgrind, receivers
from tests.benchmarks.instruction_process import GROUPS, UNITS

COMMITTED = Path(__file__).with_name("instructions.json")
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
MOST = 1.1
_PROCESSES = 2
_ROOT = Path(__file__).parents[2]
_LINE = "logging + json"


class Ratio(NamedTuple):
    """What is compared.

    Attributes:
        what: One unit of work of ours.
        ours: Name of our work in `GROUPS`.
        peer: Name of the work that it is divided by.
        less: Name of work that is subtracted from ours, or empty.
        share: Which part of that is a unit.
        peer_share: Which part of the peer's is.
    """

    what: str
    ours: str
    peer: str
    less: str = ""
    share: float = 1.0
    peer_share: float = 1.0

    @property
    def name(self) -> str:
        """As it is committed."""
        return f"{self.what} / {self.peer}"


class Outcome(NamedTuple):
    """A ratio of this run, in instructions, and the committed one, or None."""

    name: str
    ours: float
    theirs: float
    committed: float | None

    @property
    def ratio(self) -> float:
        return self.ours / self.theirs

    @property
    def change(self) -> float | None:
        """0.1 for 10 % more than committed; None if nothing is."""
        return None if self.committed is None else self.ratio / self.committed - 1

    @property
    def is_worse(self) -> bool:
        return self.committed is not None and self.ratio > self.committed * MOST


_STEP = "a step, written every 10"
_INTERVAL = 10.0
RATIOS = (
    Ratio(_STEP, "otel-mmlog", _LINE),
    Ratio(_STEP, "otel-mmlog", "structlog + OTel gauges"),
    Ratio(_STEP, "otel-mmlog", "mmengine"),
    Ratio("8 scalars into the hub", "hub", "mmengine hub"),
    Ratio("a record alone", "record", "mmengine record"),
    Ratio("a registry build at DEBUG, added", "build", "mmengine build", less="mmengine build"),
    # these have no peer that does the same: a line of JSON is the measure
    Ratio("a journal line of 4 KB", "journal line", _LINE, peer_share=_INTERVAL),
    Ratio("a raw value", "every value", _LINE, less="otel-mmlog", share=1 / 8, peer_share=_INTERVAL),
    Ratio("a point delivered", "delivery", _LINE, peer_share=_INTERVAL),
)


def measure() -> dict[str, float]:
    """Return the instructions of a unit of each work, by its name."""
    with receivers.fake() as receiver, ThreadPoolExecutor(_PROCESSES) as pool:
        costs: dict[str, float] = {}
        for group in pool.map(lambda name: _measure(name, receiver.http), GROUPS):
            costs |= group
    return costs


def _measure(group: str, endpoint: str) -> dict[str, float]:
    print(f"counting {group} ...", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as dumps:
        module = "tests.benchmarks.instruction_process"
        command = [sys.executable, "-m", module, group, folder, endpoint]
        totals = callgrind.count(command, cwd=_ROOT, folder=Path(dumps))
        units = json.loads(Path(folder, UNITS).read_text())
    if len(totals) != 2 * len(units):
        raise RuntimeError(f"{group}: {len(totals)} marks were counted for {len(units)} pieces of work")
    print(f"counted {group}", file=sys.stderr, flush=True)
    return {name: total / count for (name, count), total in zip(units, totals[1::2], strict=True)}


def compare(costs: Mapping[str, float], committed: Mapping[str, float]) -> list[Outcome]:
    """Return each ratio beside the committed one."""
    return [
        Outcome(
            ratio.name,
            (costs[ratio.ours] - costs.get(ratio.less, 0.0)) * ratio.share,
            costs[ratio.peer] * ratio.peer_share,
            committed.get(ratio.name),
        )
        for ratio in RATIOS
    ]


def verdict(outcomes: Sequence[Outcome], *, require: bool) -> tuple[str, int]:
    """Return what to say of the outcomes, and the exit code.

    Args:
        outcomes: Of one run.
        require: Whether a ratio without a committed one is a failure.
    """
    worse = [outcome.name for outcome in outcomes if outcome.is_worse]
    missing = [outcome.name for outcome in outcomes if outcome.committed is None]
    said = []
    if worse:
        said.append(f"over {MOST - 1:.0%} above the committed ratio: {'; '.join(worse)}")
    if missing:
        named = "any ratio" if len(missing) == len(outcomes) else "; ".join(missing)
        said.append(
            f"not compared: {COMMITTED.name} does not have {named} for Python {PYTHON} (--update adds it)"
        )
    return "\n".join(said) or f"none is over {MOST - 1:.0%} above its committed ratio", int(
        bool(worse or (require and missing))
    )


def render(outcomes: Sequence[Outcome]) -> str:
    """Return the outcomes as a table of text."""
    lines = [("instructions of ours / of the peer", "ours", "peer", "ratio", "committed", "change")]
    for one in outcomes:
        committed = "-" if one.committed is None else f"{one.committed:.4g}"
        change = "-" if one.change is None else f"{one.change:+.1%}"
        lines.append(
            (one.name, f"{one.ours:,.0f}", f"{one.theirs:,.0f}", f"{one.ratio:.4g}", committed, change)
        )
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]) for line in lines
    )


def judge(costs: Mapping[str, float], path: Path, *, update: bool, require: bool) -> int:
    """Print this run's ratios beside those in a file; returns the exit code.

    Args:
        costs: As `measure` returns them.
        path: The committed ratios; may be missing.
        update: Whether to write this run's there, and not to compare.
        require: As for `verdict`.
    """
    committed = json.loads(path.read_text()) if path.exists() else {}
    outcomes = compare(costs, committed.get(PYTHON, {}))
    print(render(outcomes))
    if update:
        committed[PYTHON] = {one.name: float(f"{one.ratio:.4g}") for one in outcomes}
        path.write_text(json.dumps(committed, indent=1, sort_keys=True) + "\n")
        return 0
    said, code = verdict(outcomes, require=require)
    print(said)
    return code


def main() -> int:
    """Measure, print, and compare or commit; returns the exit code."""
    options = _parse()
    if not callgrind.is_available():
        print("valgrind is needed, and is not on PATH", file=sys.stderr)
        return 2
    return judge(measure(), COMMITTED, update=options.update, require=options.require)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.instructions", description=__doc__)
    parser.add_argument(
        "--update", action="store_true", help=f"write the ratios of Python {PYTHON} to {COMMITTED.name}"
    )
    parser.add_argument("--require", action="store_true", help="fail where a ratio has no committed one, too")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
