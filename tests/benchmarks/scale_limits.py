"""What is left of a record of very many scalars: in its lines of the journal, and in its JSON line."""

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import otel_mmlog
from tests.benchmarks.table import Row, Target, figure
from tests.journals import read_journals, records

_KIB = 1024
_RECORDS = 3
_LINE_KIB = Target("ours", 512)


def limit_rows(benchmark: str, values: Iterator[Mapping[str, float]], scalars: int) -> Iterator[Row]:
    """Yield what becomes of steps of so many scalars, a record each."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with otel_mmlog.init("tmp", work_dir=folder, by_epoch=False, interval=1, console=False) as run:
            for _, step in zip(run.train(range(_RECORDS)), values, strict=False):
                run.log(step)
        tags = [len(record["tags"]) for record in records(folder)]
        times = Counter(point.time_ns for point in read_journals(folder).points if point.value is not None)
        longest = max(
            len(line)
            for path in folder.rglob("rank0000/*.jsonl")
            for line in path.read_bytes().splitlines(keepends=True)
        )
    what = f"a record of {scalars:,} scalars"
    yield figure(benchmark, f"{what}, its tags in JSON", tags, unit="tags")
    yield figure(benchmark, f"{what}, its points in the journal", list(times.values()), unit="points")
    line = figure(benchmark, f"{what}, the journal's longest line", [longest / _KIB], unit="KiB")
    yield replace(line, target=_LINE_KIB)
