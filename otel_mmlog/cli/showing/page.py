"""The page of one run: what it is, where it stands, and what is wrong with it."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from otel_mmlog.cli.showing.alerts import Lines, alerts_of, bad_lines
from otel_mmlog.cli.showing.attempts import Attempt, attempts_of
from otel_mmlog.cli.showing.rows import as_data, cell_style, number_text, shown_ranks
from otel_mmlog.cli.showing.summary import Summary
from otel_mmlog.cli.shown import shown_age, shown_bytes
from otel_mmlog.cli.table import table
from otel_mmlog.cli.width import INDENT, wrapped
from otel_mmlog.core.escape import escape
from otel_mmlog.core.shown import counted
from otel_mmlog.runs.config import read_config
from otel_mmlog.runs.find import Run
from otel_mmlog.runs.state import RankState

_MOST_SETTINGS = 30
_MOST_RANKS = 16
_LEAST_CHARS = 40
_POSITIONS = ("epoch", "iter", "eta")
_TIMES = ("time", "data_time")
Backlogs = Mapping[Path, int]


class Page:
    """All that is shown of one run.

    Args:
        summary: Its row.
        backlogs: What waits to be sent, by a rank's journal.
        now_s: Unix time.

    Raises:
        OSError: A file cannot be read.
    """

    def __init__(self, summary: Summary, backlogs: Backlogs, now_s: float) -> None:
        run = summary.run
        self._summary = summary
        self._backlogs = backlogs
        self._now_s = now_s
        self._config = read_config(run) if isinstance(run, Run) else {}
        self._alerts = alerts_of(summary.states, now_s)
        self._bad: dict[str, Lines] = {}
        self._where_bad = ""
        self._attempts: list[Attempt] = []
        if isinstance(run, Run):
            self._bad, self._where_bad = bad_lines(run)
            self._attempts = attempts_of(run, now_s)

    def text(self, width: int | None) -> str:
        """Return it for people.

        Args:
            width: Characters in a line, into which names are cut and texts wrapped; None for all there is.
        """
        width = None if width is None else max(_LEAST_CHARS, width - len(INDENT))
        sections = [
            self._head(),
            _section("Alerts", self._alert_rows(width)),
            _section("Last values", self._value_rows(width)),
            _section("Ranks", self._rank_rows()),
            _section("Attempts", self._attempt_rows()),
            _section("Config", self._config_rows(width)),
            _section("Journal", self._journal_rows()),
        ]
        return "\n\n".join(filter(None, sections))

    def data(self) -> dict[str, Any]:
        """Return it as plain values."""
        summary = self._summary
        waiting = sum(self._backlogs.values()) if self._backlogs else None
        return {
            **as_data(summary, waiting, self._now_s),
            "alerts": self._alerts,
            "lines": {
                level: {"count": lines.count, "last": [_line_data(entry) for entry in lines.last]}
                for level, lines in self._bad.items()
            },
            "lines_looked_for": self._where_bad or "everywhere",
            "values": dict(summary.states[0].values) if summary.states else _values(summary),
            "per_rank": [_rank_data(state, self._now_s) for state in summary.states],
            "per_attempt": [attempt._asdict() for attempt in self._attempts],
            "config": self._config,
            "journal": {str(folder): size for folder, size in self._backlogs.items()},
        }

    def _head(self) -> str:
        summary = self._summary
        record, best = summary.record, summary.best
        began = datetime.fromtimestamp(summary.began_s).astimezone()
        rows = [
            ("work_dir", str(summary.run.work_dir)),
            ("state", f"{summary.state}, last line {shown_age(self._now_s - summary.last_s)} ago"),
            ("began", f"{began:%Y-%m-%d %H:%M:%S}, took {shown_age(summary.last_s - summary.began_s)}"),
            ("ranks", shown_ranks(summary) + self._files_note()),
        ]
        if record is not None:
            rows.append(
                ("at", f"epoch {record.epoch}, iter {record.iter}" if record.epoch else f"iter {record.iter}")
            )
        if best is not None:
            at = f"epoch {best.epoch}" if best.epoch else f"iter {best.iter}"
            rows.append(("best", f"{best.name} {number_text(best.value)} at {at} ({best.direction})"))
        if not isinstance(summary.run, Run):
            rows.append(("written by", "MMEngine alone: its files do not say how it ended"))
            if summary.run.config is not None:
                rows.append(("config", str(summary.run.config)))
        return f"{escape(summary.name)}  {escape(summary.run_id)}\n{_indented(_pairs(rows))}"

    def _files_note(self) -> str:
        is_part = self._summary.world_size > self._summary.ranks
        return "  (the others write files at DEBUG, or with distributed=True)" if is_part else ""

    def _alert_rows(self, width: int | None) -> list[str]:
        rows = [row for alert in self._alerts for row in wrapped(escape(alert), width)]
        is_several = self._summary.ranks > 1
        for level, lines in self._bad.items():
            if lines.count:
                rows.append(f"{lines.title(level, self._where_bad)}:")
                for entry in lines.last:
                    stamp = datetime.fromtimestamp(entry.time_s).astimezone()
                    whose = f"rank {entry.rank}: " if is_several else ""
                    rows += wrapped(f"  {stamp:%m/%d %H:%M:%S}  {whose}{escape(entry.text)}", width)
        return rows

    def _value_rows(self, width: int | None) -> list[str]:
        states = self._summary.states
        found = [state.values for state in states] or [_values(self._summary)]
        names = [name for name in found[0] if name.rpartition("/")[2] not in _POSITIONS]
        names.sort(key=lambda name: not name.startswith("train/"))
        if not names:
            return []
        if len(found) == 1:
            cells = [(name, number_text(found[0][name])) for name in names]
            text = table(("", "last"), *cells, right=[1], style=cell_style(("", "")), width=width)
            return text.split("\n")[1:]
        rows = [(name, *_spread([values.get(name) for values in found])) for name in names]
        head = ("", f"rank {states[0].rank}", "lowest", "highest")
        return table(head, *rows, right=[1, 2, 3], style=cell_style(head), width=width).split("\n")

    def _rank_rows(self) -> list[str]:
        states = self._summary.states
        if not states:
            return []
        chosen = _chosen(states)
        head = ("rank", "state", "epoch", "iter", *_TIMES, "last line")
        rows = [
            (
                state.rank,
                state.state,
                str(state.record.epoch) if state.record is not None else "-",
                str(state.record.iter) if state.record is not None else "-",
                *(number_text(state.values.get(f"train/{name}", "-")) for name in _TIMES),
                f"{shown_age(self._now_s - state.last.time_s)} ago",
            )
            for state in chosen
        ]
        lines = table(head, *rows, right=[2, 3, 4, 5, 6], style=cell_style(head)).split("\n")
        if len(chosen) < len(states):
            lines.append(
                f"and {len(states) - len(chosen)} more, none of them worse or slower: --json has all"
            )
        return lines

    def _attempt_rows(self) -> list[str]:
        if len(self._attempts) < 2:
            return []
        head = ("attempt", "state", "ranks", "began", "took", "up to iter")
        rows = [
            (
                attempt.attempt,
                attempt.state,
                attempt.ranks,
                f"{datetime.fromtimestamp(attempt.began_s).astimezone():%Y-%m-%d %H:%M:%S}",
                shown_age(attempt.last_s - attempt.began_s),
                str(attempt.iter) if attempt.iter is not None else "-",
            )
            for attempt in self._attempts
        ]
        return table(head, *rows, right=[4, 5], style=cell_style(head)).split("\n")

    def _config_rows(self, width: int | None) -> list[str]:
        rows = [(name, _setting(value)) for name, value in self._config.items()]
        lines = _pairs(rows[:_MOST_SETTINGS], width) if rows else []
        if len(rows) > _MOST_SETTINGS:
            lines.append(f"and {len(rows) - _MOST_SETTINGS} more: --json has all")
        return lines

    def _journal_rows(self) -> list[str]:
        if not self._backlogs:
            return []
        waiting = {folder: size for folder, size in self._backlogs.items() if size}
        if not waiting:
            return ["all of it was delivered"]
        work_dir, size = self._summary.run.work_dir, shown_bytes(sum(waiting.values()))
        return [
            f"{size} not delivered yet, of {counted(len(waiting), 'rank')}",
            f"otel-mmlog send {escape(str(work_dir))} --endpoint URL delivers it",
        ]


def _section(title: str, rows: Sequence[str]) -> str:
    return f"{title}\n{_indented(rows)}" if rows else ""


def _indented(rows: Sequence[str]) -> str:
    return "\n".join(f"{INDENT}{row}".rstrip() for row in rows)


def _pairs(rows: Sequence[tuple[str, str]], width: int | None = None) -> list[str]:
    return table(("", ""), *rows, width=width).split("\n")[1:]


def _setting(value: Any) -> str:
    return number_text(value) if not isinstance(value, float) else f"{value:.6g}"


def _values(summary: Summary) -> dict[str, Any]:
    """The last values of a run of MMEngine's own."""
    record = summary.record
    return {} if record is None else {f"{record.mode}/{tag}": value for tag, value in record.tags.items()}


def _spread(values: Sequence[Any]) -> tuple[str, str, str]:
    numbers = [float(value) for value in values if isinstance(value, (int, float)) and not math.isnan(value)]
    if not numbers:
        return number_text(values[0]), "-", "-"
    return number_text(values[0]), number_text(min(numbers)), number_text(max(numbers))


def _chosen(states: Sequence[RankState]) -> list[RankState]:
    """Of many ranks those that went wrong or are slowest, in the order of ranks."""
    if len(states) <= _MOST_RANKS:
        return list(states)

    def worth(state: RankState) -> tuple[bool, float]:
        time_s = state.values.get("train/time", 0.0)
        return state.state in ("running", "finished"), -time_s if isinstance(time_s, (int, float)) else 0.0

    return sorted(sorted(states, key=worth)[:_MOST_RANKS], key=lambda state: state.rank)


def _rank_data(state: RankState, now_s: float) -> dict[str, Any]:
    return {
        "rank": state.rank,
        "state": state.state,
        "epoch": state.record.epoch if state.record is not None else None,
        "iter": state.record.iter if state.record is not None else None,
        "values": dict(state.values),
        "last_s": state.last.time_s,
        "age_s": now_s - state.last.time_s,
        "error": state.error or None,
    }


def _line_data(entry: Any) -> dict[str, Any]:
    return {"time_s": entry.time_s, "rank": entry.rank, "text": entry.text}
