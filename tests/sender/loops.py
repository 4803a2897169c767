"""A journal in memory and a server that is a function, for the loop without processes or clocks."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from otel_mmlog.sender.batches import Batch, Mark
from otel_mmlog.sender.sender import Pace, Sender
from otel_mmlog.sender.types import SIGNALS, Answer, Signal

Server = Callable[[Signal, Sequence[bytes]], Answer | None]

OK = Answer("delivered")
BUSY = Answer("retry", "HTTP 503")
BAD = Answer("bad", "HTTP 400")
TOO_LARGE = Answer("split", "HTTP 413")
DENIED = Answer("pause", "HTTP 401")
_HEADS = {
    "metrics": b'{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"gauge":{"dataPoints":[',
    "logs": b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[',
    "traces": b'{"resourceSpans":[{"scopeSpans":[{"spans":[',
}
_TAILS = {"metrics": b"]}}]}]}]}\n", "logs": b"]}]}]}\n", "traces": b"]}]}]}\n"}


def make_line(signal: Signal, mark: str, pad_bytes: int = 0) -> bytes:
    """A request with one item, which can be told from others by its mark."""
    item = f'{{"timeUnixNano":"1","spanId":"1","name":"<{mark}>","pad":"{"x" * pad_bytes}"}}'
    return _HEADS[signal] + item.encode() + _TAILS[signal]


def mark_of(line: bytes) -> str:
    """The mark of a line of `make_line`."""
    return line.partition(b"<")[2].partition(b">")[0].decode()


def make_batch(signal: Signal, lines: Sequence[bytes], *, live: bool = True) -> Batch:
    """A batch of lines with one item each."""
    return Batch(signal, tuple(lines), len(lines), sum(map(len, lines)), 1, 1, live, Mark(()))


@dataclass
class MemoryJournal:
    """Holds lines; live ones come first."""

    max_lines: int = 100
    backlog: dict[Signal, list[bytes]] = field(default_factory=lambda: {signal: [] for signal in SIGNALS})
    live: dict[Signal, list[bytes]] = field(default_factory=lambda: {signal: [] for signal in SIGNALS})
    aside: list[str] = field(default_factory=list)
    saves: int = 0
    looks: int = 0
    faults: int = 0

    def write(self, signal: Signal, *marks: str, live: bool = True, pad_bytes: int = 0) -> None:
        lines = (self.live if live else self.backlog)[signal]
        lines += [make_line(signal, mark, pad_bytes) for mark in marks]

    def next_batch(self, signal: Signal) -> Batch | None:
        self.looks += 1
        self._fail_if_told()
        for live, lines in ((True, self.live[signal]), (False, self.backlog[signal])):
            if lines:
                return make_batch(signal, lines[: self.max_lines], live=live)
        return None

    def acknowledge(self, batch: Batch) -> None:
        lines = (self.live if batch.live else self.backlog)[batch.signal]
        assert tuple(lines[: len(batch.lines)]) == batch.lines
        del lines[: len(batch.lines)]

    def set_aside(self, batch: Batch, lines: Sequence[bytes], reason: str) -> None:
        self._fail_if_told()
        assert set(lines) <= set(batch.lines)
        assert reason
        self.aside += map(mark_of, lines)

    def save(self) -> None:
        self.saves += 1

    def _fail_if_told(self) -> None:
        if self.faults:
            self.faults -= 1
            raise OSError(28, "No space left on device")


class InlineCourier:
    """Asks the server at once; an answer of None is one that never comes."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.requests: list[tuple[Signal, list[str]]] = []
        self.protobuf: list[bool] = []
        self._answers: deque[tuple[Signal, Answer]] = deque()

    def start(self, signal: Signal, lines: Sequence[bytes], *, protobuf: bool) -> None:
        self.requests.append((signal, [mark_of(line) for line in lines]))
        self.protobuf.append(protobuf)
        answer = self.server(signal, lines)
        if answer is not None:
            self._answers.append((signal, answer))

    def take(self) -> tuple[Signal, Answer] | None:
        return self._answers.popleft() if self._answers else None


class Bench:
    """A sender, its journal, its server and its clock."""

    def __init__(
        self,
        server: Server,
        *,
        signals: Sequence[Signal] = ("logs",),
        can_fall_back: bool = False,
        pace: Pace = Pace(),  # noqa: B008 - frozen
    ) -> None:
        self.journal = MemoryJournal()
        self.courier = InlineCourier(server)
        self.told: list[str] = []
        self.now_s = 1000.0
        self.sender = Sender(
            self.journal,
            self.courier,
            dict.fromkeys(signals, can_fall_back),
            random=lambda: 0.5,
            tell=self.told.append,
            pace=pace,
        )

    def run(self, seconds: float = 0.0) -> None:
        """Let the sender work until it has nothing to do for this long."""
        end_s = self.now_s + seconds
        for _ in range(100_000):
            wake_s = self.sender.step(self.now_s)
            if self.courier._answers:
                continue
            if wake_s > end_s:
                self.now_s = end_s
                return
            self.now_s = max(self.now_s, wake_s)
        raise AssertionError("the sender does not come to rest")

    def delivered(self) -> list[str]:
        """The marks of all lines in all requests, refused or not."""
        return [mark for _, marks in self.courier.requests for mark in marks]


def refusing(*bad: str, answer: Answer = BAD) -> Server:
    """A server that refuses each request with one of these marks in it."""
    return lambda _signal, lines: answer if {mark_of(line) for line in lines} & set(bad) else OK


def answering(*answers: Answer) -> Server:
    """A server that gives these answers in turn, and the last one for ever."""
    rest = deque(answers)
    return lambda _signal, _lines: rest.popleft() if len(rest) > 1 else rest[0]
