"""Journals and what may happen to them: for those who look for what their readers cannot stand."""

import json
import re
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies as st

from otel_mmlog.core.line_check import with_check
from otel_mmlog.sender.cursor import CURSOR
from otel_mmlog.sender.journal_lines import NotARequestError, parsed_signal_of
from otel_mmlog.sender.types import SIGNALS, Signal
from otel_mmlog.testing.messages import decode_json

NAMES = (
    "20260101T000000_000000-00000000.0000.jsonl",
    "20260101T000000_000000-00000000.0001.jsonl.part",
    "20260102T000000_000000-00000001.0000.jsonl",
)
_LINES = 24
_T0_NS = 1_790_000_000_000_000_000


def request(signal: Signal, mark: str, number: int) -> bytes:
    """A journal line without its check, whose one item is named by its mark."""
    at = str(_T0_NS + number)
    ids = {"traceId": f"{number + 1:032x}", "spanId": f"{number + 1:016x}"}
    item, lists = {
        "metrics": (
            {"name": mark, "gauge": {"dataPoints": [{"timeUnixNano": at, "asDouble": float(number)}]}},
            ("resourceMetrics", "scopeMetrics", "metrics"),
        ),
        "logs": (
            {"timeUnixNano": at, "severityNumber": 9, "body": {"stringValue": mark}},
            ("resourceLogs", "scopeLogs", "logRecords"),
        ),
        "traces": (
            {**ids, "name": mark, "startTimeUnixNano": at, "endTimeUnixNano": at},
            ("resourceSpans", "scopeSpans", "spans"),
        ),
    }[signal]
    outer, inner, leaf = lists
    resource = {"attributes": [{"key": "rank", "value": {"intValue": "0"}}]}
    message = {outer: [{"resource": resource, inner: [{"scope": {"name": "fuzz"}, leaf: [item]}]}]}
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def _segment(part: int) -> list[bytes]:
    numbers = range(part * _LINES, (part + 1) * _LINES)
    return [request(SIGNALS[number % 3], f"mark {number}", number) for number in numbers]


SEGMENTS = [_segment(part) for part in range(len(NAMES))]
WRITTEN = {line for lines in SEGMENTS for line in lines}
_FILES = [b"".join(map(with_check, lines)) for lines in SEGMENTS]


@dataclass(frozen=True)
class Damage:
    """What happens to one file: some bytes are replaced by others.

    Attributes:
        file: Its index.
        at: Where they begin; a line's index, and its own beginning, where `on_line` is true.
        length: How many they are.
        by: The others.
        on_line: How `at` is to be read.
    """

    file: int
    at: int
    length: int
    by: bytes
    on_line: bool

    def do(self, data: bytes) -> bytes:
        """The file's content after it."""
        at = self.at
        if self.on_line:
            at = len(b"".join(data.splitlines(keepends=True)[: at % (_LINES + 1)]))
        return data[:at] + self.by + data[at + self.length :]


@dataclass(frozen=True)
class Damaged:
    """A folder's files after the damage.

    Attributes:
        files: The segments.
        cursor: The cursor's file, or None without one.
        others: Further files: name -> content.
    """

    files: tuple[bytes, ...]
    cursor: bytes | None
    others: tuple[tuple[str, bytes], ...]

    def put(self, folder: Path) -> None:
        """Make the folder anew."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name, data in (*zip(NAMES, self.files, strict=True), *self.others):
            (folder / name).write_bytes(data)
        if self.cursor is not None:
            (folder / CURSOR).write_bytes(self.cursor)

    def has_unsendable(self) -> bool:
        """Whether it has a line of another program that looks like a request, and that no server can read.

        Where that comes first, nothing tells it from a server that takes nothing, and somebody has to look.
        """
        others = (data for name, data in self.others if name.endswith(".jsonl"))
        lines = (line for data in (*self.files, *others) for line in data.splitlines(keepends=True))
        heads = ((line, head.start()) for line in lines for head in re.finditer(rb'\A|\{"resource', line))
        return any(_is_unsendable(line[start:]) for line, start in heads)

    def has_name(self, name: str) -> bool:
        """Whether the name of an item is anywhere in the files: lines of other programs have names of their own."""
        return name.encode() in b"".join((*self.files, *(data for _, data in self.others)))

    def untouched(self) -> Counter[bytes]:
        """The lines that are as they were written, and how often they are there."""
        lines = (line for data in self.files for line in data.split(b"\n"))
        whole = {with_check(line): line for line in WRITTEN}
        return Counter(whole[line + b"\n"] for line in lines if line + b"\n" in whole)


@st.composite
def twisted_lines(draw: st.DrawFn) -> bytes:
    """A line without a check, as of another program, that lacks something or has something else in its place."""
    request = json.loads(draw(st.sampled_from(sorted(WRITTEN))))
    node = request
    while True:
        keys = list(node) if isinstance(node, dict) else range(len(node))
        key = draw(st.sampled_from(keys))
        if isinstance(node[key], (dict, list)) and node[key] and draw(st.integers(0, 4)):
            node = node[key]
            continue
        if draw(st.booleans()):
            del node[key]
        else:
            node[key] = draw(
                st.sampled_from([None, "", "x", -1, 2**70, 0.5, [], {}, [[]], [None], {"key": 1}])
            )
        return json.dumps(request, separators=(",", ":")).encode() + b"\n"


_SNIPPETS = (b"\n", b"\0" * 64, b"{", b'"', b"\xff", b"}\n", b"]}]}]}\n", b'{"resourceLogs":[', b"[" * 5000)
_RIGHT_AT_BOTH_ENDS = b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":]}]}]}\n'
pieces = st.one_of(
    twisted_lines(),
    st.binary(max_size=40),
    st.sampled_from(_SNIPPETS),
    st.just(_RIGHT_AT_BOTH_ENDS),
    st.one_of(twisted_lines(), st.just(b'{"resourceLogs":[\n')).map(lambda line: b"torn " + with_check(line)),
    st.sampled_from(sorted(WRITTEN)).map(with_check),
    st.sampled_from(sorted(WRITTEN)).map(lambda line: line[: len(line) // 2]),
)
damages = st.lists(
    st.builds(
        Damage,
        st.integers(0, 2),
        st.integers(0, len(_FILES[0])),
        st.one_of(st.integers(0, 3), st.integers(0, 4000)),
        pieces,
        st.booleans(),
    ),
    max_size=4,
)
cursors = st.one_of(
    st.none(),
    st.binary(max_size=80),
    st.sampled_from([b"00000000 {}\n", b"\n", b"\0" * 100, b"[" * 10_000]),
)
other_names = (
    "20260103T000000_000000-00000002.0000.jsonl",
    "notes.jsonl",
    "cursor.new",
    "quarantine.jsonl",
    "x.part",
)


def _apply(hurt: Sequence[Damage], cursor: bytes | None, others: dict[str, bytes]) -> Damaged:
    files = list(_FILES)
    for each in hurt:
        files[each.file] = each.do(files[each.file])
    return Damaged(tuple(files), cursor, tuple(others.items()))


damaged_journals = st.builds(
    _apply,
    damages,
    cursors,
    st.dictionaries(st.sampled_from(other_names), st.binary(max_size=200), max_size=2),
)


def _is_unsendable(line: bytes) -> bool:
    try:
        signal = parsed_signal_of(line)
    except NotARequestError:
        return False
    try:
        return signal is not None and not decode_json(signal, line)
    except Exception:  # noqa: BLE001 - protobuf's own errors have no class in common
        return True
