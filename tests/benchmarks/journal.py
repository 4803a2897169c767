"""What a record takes on disk: its points and its log record in a rank's journal, as they are and compressed."""

import gzip
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import otel_mmlog
from tests.benchmarks.full_path import INTERVAL
from tests.benchmarks.record import LOGGED, RULES
from tests.benchmarks.scalars import varied_steps
from tests.benchmarks.table import Row, Target, figure

NAME = "journal"
TAGS = 12
_BESIDES = {"eta", "iter"}
_KB = 1000


def rows(*, quick: bool) -> Iterator[Row]:
    """Yield the rows of this benchmark: all of a journal, by its records."""
    records = 50 if quick else 1000
    with tempfile.TemporaryDirectory() as folder:
        data = _train(Path(folder), records)
    what = f"a record of {TAGS} tags"
    yield figure(NAME, what, [len(data) / records / _KB], unit="KB", target=Target("ours", 4.0))
    packed = len(gzip.compress(data, 6)) / records / _KB
    yield figure(NAME, f"{what}, gzip of the journal", [packed], unit="KB")


def _train(work_dir: Path, records: int) -> bytes:
    """All lines of the journal of a run with so many records."""
    values = varied_steps(LOGGED)
    with otel_mmlog.init(
        "journal", work_dir=work_dir, by_epoch=False, interval=INTERVAL, console=False, custom_cfg=RULES
    ) as run:
        for step in run.train(range(records * INTERVAL)):
            run.log(values[step % len(values)])
    lines = [json.loads(line) for line in (work_dir / "journal.jsonl").read_text().splitlines()]
    made = [line["tags"].keys() - _BESIDES for line in lines if "tags" in line]
    if len(made) != records or any(len(tags) != TAGS for tags in made):
        raise RuntimeError(f"{len(made)} records, the last with {sorted(made[-1])}")
    return b"".join(path.read_bytes() for path in sorted(work_dir.glob("otlp/rank0000/*.jsonl")))
