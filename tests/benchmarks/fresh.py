"""What a new interpreter needs for an import, and until its first line is logged."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import otel_mmlog
from tests.benchmarks.harness import Cost
from tests.benchmarks.table import Row, Target, compare

NAME = "import"
_ROOT = Path(otel_mmlog.__file__).parents[1]
_TIMED = """
import sys, time, warnings
warnings.simplefilter("ignore")
wall_s, cpu_s = time.perf_counter(), time.process_time()
{code}
cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - wall_s
print("\\n", wall_s, cpu_s)
"""
_CODE = {
    "otel_mmlog": "import otel_mmlog",
    "otel_mmlog.init": "import otel_mmlog; otel_mmlog.init",
    "structlog": "import structlog",
    "mmengine": "import mmengine",
    "mmengine.runner": "import mmengine.runner",
    "otel_mmlog's first line": (
        "import otel_mmlog; run = otel_mmlog.init('first', work_dir=sys.argv[1]); run.logger.info('ready')"
    ),
    "mmengine's first line": (
        "from mmengine.logging import MMLogger, MessageHub; from mmengine.runner import LogProcessor; "
        "logger = MMLogger.get_instance('first', log_file=sys.argv[1] + '/first.log'); "
        "MessageHub.get_instance('first'); LogProcessor(); logger.info('ready')"
    ),
}
_NOT_SLOWER = Target("ratio", 1.0)
_PAIRS = (
    ("import otel_mmlog", "otel_mmlog", "structlog", _NOT_SLOWER),
    ("import otel_mmlog", "otel_mmlog", "mmengine", None),
    ("import otel_mmlog; otel_mmlog.init", "otel_mmlog.init", "structlog", None),
    ("import otel_mmlog; otel_mmlog.init", "otel_mmlog.init", "mmengine", None),
    ("import otel_mmlog; otel_mmlog.init", "otel_mmlog.init", "mmengine.runner", None),
    ("imports, start, first line", "otel_mmlog's first line", "mmengine's first line", _NOT_SLOWER),
)


def rows(*, quick: bool) -> Iterator[Row]:
    """Yield the rows of this benchmark."""
    costs: dict[str, list[Cost]] = {name: [] for name in _CODE}
    with tempfile.TemporaryDirectory() as folder:
        for name, code in _CODE.items():
            if not quick:
                _fresh_cost(code, folder)  # what was never read before is slow for reasons of the disk
            costs[name] = []
        for _ in range(1 if quick else 5):
            for name, code in _CODE.items():
                costs[name].append(_fresh_cost(code, folder))
    for what, ours, peer, target in _PAIRS:
        yield compare(
            NAME, what, (costs[ours], costs[peer]), clock="wall", unit="ms", peer=peer, target=target
        )


def _fresh_cost(code: str, folder: str) -> Cost:
    command = [sys.executable, "-c", _TIMED.format(code=code), folder]
    output = subprocess.run(command, cwd=_ROOT, check=True, capture_output=True, text=True).stdout
    timed = next(line for line in reversed(output.splitlines()) if line.startswith(" "))
    wall_s, cpu_s = timed.split()
    return Cost(float(wall_s), float(cpu_s))
