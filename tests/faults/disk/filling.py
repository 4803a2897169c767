"""A run that logs until its journal takes nothing any more: ``python -m tests.faults.disk.filling WORK_DIR``.

It prints one JSON object: the counts, and how full the folder was when each kind of data was taken last and refused
first, and at most.
"""

import json
import sys
from collections import Counter
from pathlib import Path

import otel_mmlog

_PAD = "x" * 500


def main() -> None:
    """Log a bit of everything, in turn."""
    run = otel_mmlog.init("tmp", work_dir=sys.argv[1], interval=1, log_level="DEBUG", console=False)
    journal = run._parts.journal
    first_refused_bytes: dict[str, int] = {}
    last_taken_bytes: dict[str, int] = {}
    numbers = iter(run.train(range(10**9)))
    kinds = {
        "metrics": lambda: _record(run, next(numbers)),
        "traces": lambda: _span(run),
        "logs": lambda: run.logger.info(_PAD),
        "debug": lambda: run.logger.debug(_PAD),
    }
    while "metrics" not in first_refused_bytes:
        for kind, log in kinds.items():
            before, used_bytes = _refused(run, kind), _folder_bytes(journal.folder)
            log()
            if _refused(run, kind) > before:
                first_refused_bytes.setdefault(kind, used_bytes)
            else:
                last_taken_bytes[kind] = _folder_bytes(journal.folder)
    run.close()
    stats = journal.stats()
    refused: Counter[str] = Counter()
    for (_, reason), count in stats.refused.items():
        refused[reason] += count
    said = {
        "produced": stats.produced,
        "journaled": stats.journaled,
        "refused": refused,
        "first_refused_bytes": first_refused_bytes,
        "last_taken_bytes": last_taken_bytes,
        "most_bytes": _folder_bytes(journal.folder),
        "line_bytes": _longest_line(journal.folder),
    }
    print(json.dumps(said))


def _record(run: otel_mmlog.Run, number: int) -> None:
    run.log({f"scalar{each}": number + each / 8 for each in range(8)})


def _span(run: otel_mmlog.Run) -> None:
    with run.span("part", {"pad": _PAD}):
        pass


def _refused(run: otel_mmlog.Run, kind: str) -> int:
    """Items of this kind that were refused so far."""
    signal = "logs" if kind == "debug" else kind
    return sum(count for (each, _), count in run._parts.journal.stats().refused.items() if each == signal)


def _folder_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def _longest_line(folder: Path) -> int:
    lines = (len(line) + 1 for path in folder.iterdir() for line in path.read_bytes().split(b"\n"))
    return max(lines)


if __name__ == "__main__":
    main()
