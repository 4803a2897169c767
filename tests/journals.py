"""What a run left on disk, as values: journals, JSON lines and text lines."""

import json
from pathlib import Path
from typing import Any, NoReturn

from otel_mmlog.otel.semconv import OWN_METRIC_PREFIXES
from tests.end_to_end.otlp_files import Telemetry, read_otlp


def read_journals(work_dir: Path, *, health: bool = False) -> Telemetry:
    """Every point, log record and span in the journals of a work_dir, open segments included.

    Args:
        work_dir: Of a run.
        health: Whether to include the points that tell of journal and sender themselves.
    """
    found = read_otlp(*sorted(work_dir.glob("otlp/*/*.jsonl*")))
    if not health:
        found.points = [point for point in found.points if not point.name.startswith(OWN_METRIC_PREFIXES)]
    return found


def strict_json(line: str) -> dict[str, Any]:
    """One JSON object; bare NaN, Infinity and keys that occur twice are errors."""
    value = json.loads(line, parse_constant=_refuse, object_pairs_hook=_without_doubles)
    assert isinstance(value, dict)
    return value


def json_lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a JSON lines file, each of which must be strict JSON on one line."""
    text = path.read_text(encoding="utf-8")
    assert text.endswith("\n")
    lines = text[:-1].split("\n")
    assert lines == text.splitlines()
    return [strict_json(line) for line in lines]


def events(work_dir: Path, name: str = "tmp") -> list[dict[str, Any]]:
    """The events in ``name.jsonl`` without those that say how the run started and ended."""
    lines = json_lines(work_dir / f"{name}.jsonl")
    return [line for line in lines if not line["event"].startswith(("Run ", "Wrote ", "Journal: "))]


def records(work_dir: Path, name: str = "tmp") -> list[dict[str, Any]]:
    """The records in ``name.jsonl``."""
    return [line for line in json_lines(work_dir / f"{name}.jsonl") if "tags" in line]


def headers(work_dir: Path) -> list[str]:
    """``Epoch(train) [1][10/25]`` of each record in ``tmp.jsonl``."""
    return [record["event"].split("  ")[0] for record in records(work_dir)]


def tags(work_dir: Path, name: str) -> list[Any]:
    """The values of one tag, over the records in ``tmp.jsonl`` that have it."""
    return [record["tags"][name] for record in records(work_dir) if name in record["tags"]]


def bodies(work_dir: Path) -> list[str]:
    """The texts of the events in ``tmp.jsonl``, without those of start and end."""
    return [line["event"] for line in events(work_dir)]


def text_lines(path: Path) -> list[str]:
    """The lines of a text file, split at newlines only."""
    text = path.read_bytes().decode("utf-8")
    assert text.endswith("\n")
    return text[:-1].split("\n")


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not strict JSON")


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    assert len(value) == len(pairs), f"a key occurs twice in {pairs}"
    return value
