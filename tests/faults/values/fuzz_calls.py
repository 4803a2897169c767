"""Calls with any names and values: ``python -m tests.faults.values.fuzz_calls WORK_DIR LEAST MINUTES``.

None raises, and everything beside what is odd arrives.
"""

import json
import logging
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

import otel_mmlog
from otel_mmlog.core.line_check import checked
from otel_mmlog.sender.journal_lines import is_text, signal_of
from otel_mmlog.testing.items import logs_of, points_of, spans_of
from otel_mmlog.testing.messages import decode_json
from tests.faults.outcome import unless
from tests.faults.values.exploring import explore
from tests.faults.values.odd import Raising, odd_values

BEFORE, AFTER = 1, 2
_OF_METHODS = (
    "self",
    "event",
    "name",
    "args",
    "exc_info",
    "stack_info",
    "extra",
    "stacklevel",
    "before",
    "after",
)
_OF_CHAINS = (
    "_record",
    "_from_structlog",
    "_mmlog_record",
    "_mmlog_event_name",
    "_mmlog_bare",
    "level",
    "logger",
)
_OF_RECORDS = (*vars(logging.makeLogRecord({})), "message", "asctime", "taskName", "before", "after")

texts = st.text(st.characters(exclude_categories=()), max_size=30)
leaves: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**80), 2**80),
    st.floats(),
    texts,
    st.binary(max_size=20),
    st.complex_numbers(),
    st.datetimes(),
    st.fractions(),
    st.builds(
        Raising, st.sampled_from(["__str__", "__len__", "__iter__", "__bool__", "__getattr__", "__eq__"])
    ),
    st.sampled_from([odd for odd in odd_values() if not odd.name.startswith(("long_", "deep", "wide"))]).map(
        lambda odd: odd.make()
    ),
)
values: st.SearchStrategy[Any] = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(texts, st.integers(), st.none(), st.floats()), inner, max_size=4),
        st.tuples(inner, inner),
    ),
    max_leaves=8,
)


@dataclass(frozen=True)
class Call:
    """A way in, a text, and what is given by name."""

    way: str
    text: Any
    given: dict[Any, Any]
    positional: tuple[Any, ...] = ()


calls = st.builds(
    Call,
    st.sampled_from(["scalars", "logger", "bound", "stdlib", "span", "config"]),
    st.one_of(texts, values),
    st.dictionaries(st.one_of(texts, st.sampled_from((*_OF_RECORDS, *_OF_CHAINS))), values, max_size=4),
    st.lists(values, max_size=2).map(tuple),
)


class Calls:
    """A run that takes calls, and a reader of what it journals."""

    def __init__(self, work_dir: Path) -> None:
        self.run = otel_mmlog.init("fuzz", work_dir=work_dir, interval=1, console=False)
        self._work_dir = work_dir
        self._read: dict[Path, int] = {}
        self._number = 0

    def check(self, call: Call) -> None:
        """Make a call; raises for what it raises, and for what is missing of it."""
        self._number += 1
        mark = f"call {self._number}"
        made = getattr(self, f"_{call.way}")(call, mark)
        found = list(self._arrived(made, mark))
        assert len(found) == 1, f"{len(found)} of it arrived"
        assert found[0].get("before") == BEFORE, f"what was before it is missing: {found[0]}"
        assert found[0].get("after") == AFTER, f"what was after it is missing: {found[0]}"

    def close(self) -> list[str]:
        """End the run; returns what is wrong."""
        complete = self.run.close()
        refused = dict(self.run._parts.journal.stats().refused)
        return unless(complete and not refused, f"not everything was journalled: {refused}")

    def _scalars(self, call: Call, _mark: str) -> str:
        others = {name: value for name, value in call.given.items() if name not in ("before", "after")}
        self.run.log({"before": BEFORE, **others, "after": AFTER})
        return "record"

    def _logger(self, call: Call, mark: str) -> str:
        self._log(
            self.run.logger,
            call,
            {"before": BEFORE, **_without(call.given, _OF_METHODS), "after": AFTER},
            mark,
        )
        return "log"

    def _bound(self, call: Call, mark: str) -> str:
        bound = self.run.logger.bind(**_without(call.given, _OF_METHODS))
        self._log(bound, call, {"before": BEFORE, "after": AFTER}, mark)
        return "log"

    def _log(self, logger: Any, call: Call, given: dict[str, Any], mark: str) -> None:
        logger.info(call.text, *call.positional, mark=mark, **given)

    def _stdlib(self, call: Call, mark: str) -> str:
        extra = {"before": BEFORE, **_without(call.given, _OF_RECORDS), "after": AFTER, "mark": mark}
        logging.getLogger("fuzz").info(call.text, *call.positional, extra=extra)
        return "log"

    def _span(self, call: Call, mark: str) -> str:
        given = {"before": BEFORE, **_without(call.given, _OF_METHODS), "after": AFTER, "mark": mark}
        with self.run.span(call.text, given):
            pass
        return "span"

    def _config(self, call: Call, mark: str) -> str:
        self.run.config = {"before": BEFORE, **call.given, "after": AFTER, "mark": mark}
        self.run.config["before"] = BEFORE
        self.run._send_config()
        return "config"

    def _arrived(self, kind: str, mark: str) -> Iterator[dict[str, Any]]:
        """The attributes, or the points by name, of what the last call left in the journal."""
        points: dict[str, Any] = {}
        for signal, message in self._new_messages():
            if signal == "metrics" and kind == "record":
                points |= {point.name.rpartition(".")[2]: point.value for point in points_of(message)}
            elif signal == "logs":
                for log in logs_of(message):
                    attributes = log.attributes.get("config", {}) if kind == "config" else log.attributes
                    if kind in ("log", "config") and attributes.get("mark") == mark:
                        yield dict(attributes)
            elif signal == "traces" and kind == "span":
                yield from (
                    dict(span.attributes) for span in spans_of(message) if span.attributes.get("mark") == mark
                )
        if points:
            yield points

    def _new_messages(self) -> Iterator[tuple[str, Any]]:
        """The requests that were appended since the last call, as protobuf's own reader reads them."""
        for path in sorted(self._work_dir.glob("otlp/rank*/*.jsonl*")):
            with path.open("rb") as file:
                file.seek(self._read.get(path, 0))
                data = file.read()
            self._read[path] = self._read.get(path, 0) + len(data)
            for line in data.splitlines(keepends=True):
                assert is_text(line), "a line is no text"
                signal = signal_of(checked(line))
                if signal is not None:
                    yield signal, decode_json(signal, checked(line))


def _without(given: dict[Any, Any], names: tuple[str, ...]) -> dict[Any, Any]:
    """What can be given by name at all: the rest Python itself refuses."""
    return {name: value for name, value in given.items() if name not in (*names, "mark")}


def main() -> None:
    """Make calls; prints how many, and what is wrong."""
    work_dir, least, minutes = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    run = Calls(work_dir)
    count, wrong = explore(calls, run.check, least=least, minutes=minutes)
    print(json.dumps([count, wrong + run.close()]))


if __name__ == "__main__":
    main()
