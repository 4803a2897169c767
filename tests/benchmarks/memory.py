"""What a hub's histories hold of memory, against the bytes of the raw values, by the resident set of a process."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks.scalars import EIGHT, label
from tests.benchmarks.table import Row, Target, compare_figures

NAME = "memory"
_ROOT = Path(__file__).parents[2]
_VALUE_BYTES = 8
_MB = 1e6
_CONSTANT = Target("ratio", 1.05)  # pages and the allocator's spare room come and go


def rows(*, quick: bool) -> Iterator[Row]:
    """Yield the rows of this benchmark."""
    steps = 100_000 if quick else 1_000_000
    what = f"{label(steps)} steps of {len(EIGHT)} scalars"
    (whole,) = _measure(0, steps)
    raw_mb = steps * len(EIGHT) * _VALUE_BYTES / _MB
    for name, target in (("held", Target("ratio", 1.2)), ("peak", None)):
        yield compare_figures(
            NAME,
            f"{what}, {name}",
            ([whole[name] / _MB], [raw_mb]),
            unit="MB",
            peer="the raw values",
            target=target,
        )
    bound = steps // 10
    early, late = _measure(bound, 2 * bound, steps)
    yield compare_figures(
        NAME,
        f"histories bounded to {label(bound)}, after {label(steps)} steps",
        ([late["held"] / _MB], [early["held"] / _MB]),
        unit="MB",
        peer=f"after 2 x {label(bound)}",
        target=_CONSTANT,
    )


def _measure(max_length: int, *stops: int) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "tests.benchmarks.memory_process", str(max_length), *map(str, stops)]
    done = subprocess.run(command, cwd=_ROOT, check=True, capture_output=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]
