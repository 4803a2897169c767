"""JSON lines as runs write them, made quickly."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

BEGAN_S = 1_700_000_000.0


def json_line(time_s: float = BEGAN_S, event: str = "text", **others: Any) -> bytes:
    """A line of rank 0's first attempt, unless told otherwise."""
    moment = datetime.fromtimestamp(time_s, timezone.utc)
    head = {"ts": f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z", "level": "INFO", "logger": "mmengine", "event": event}
    return json.dumps({**head, "rank": 0, "run_id": "a", "attempt": 0, "seq": 0, **others}).encode()


def record_line(step: int, tags: Mapping[str, Any], mode: str = "train", **others: Any) -> bytes:
    """A line of a record, one second an iteration."""
    position = {"mode": mode, "epoch": 1, "iter": step, "step": step, "tags": tags}
    name = f"mmlog.{mode}.{'iter' if mode == 'train' else 'epoch'}"
    time_s = others.pop("time_s", BEGAN_S + step)
    return json_line(time_s, f"Epoch({mode}) [1][{step}/9]", event_name=name, **{**position, **others})


def write(path: Path, lines: Iterable[bytes], rest: bytes = b"") -> Path:
    """A file of these lines, and of what a crash left behind them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(line + b"\n" for line in lines) + rest)
    return path
