"""Work whose instructions are counted: ``instruction_process GROUP FOLDER ENDPOINT``, under `callgrind.count`.

Two marks lie around each piece of work. Writes ``units.json`` to the folder: pairs of name and units of work, in order.
"""

import gc
import itertools
import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import otel_mmlog
from otel_mmlog.otel.journal import Journal
from otel_mmlog.otel.lines import EncodedLine
from otel_mmlog.sender.drain import drain
from otel_mmlog.sender.endpoint_settings import read_endpoints
from otel_mmlog.sender.transport import make_transports
from tests.benchmarks import peer_process
from tests.benchmarks.callgrind import mark
from tests.benchmarks.harness import Contestant
from tests.benchmarks.scalars import EIGHT, varied_steps

warnings.simplefilter("ignore")  # what torch and MMEngine warn of is not ours to mend

UNITS = "units.json"
_HISTORY = 1000
Named = Iterator[tuple[str, Contestant]]


class Steps:
    """Steps of a training as one of the peers logs it.

    Args:
        peer: How it logs.
        folder: Where to; made.
        count: Steps, a multiple of the interval.
    """

    def __init__(self, peer: peer_process.Peer, folder: Path, count: int) -> None:
        folder.mkdir()
        self._ways = peer(folder)
        self._values = itertools.cycle(varied_steps(list(EIGHT)))
        self._count = count

    def prepare(self) -> None:
        self._step = next(self._ways)
        self._go(peer_process.WARM_STEPS)

    def run(self) -> int:
        self._go(self._count)
        return self._count

    def close(self) -> None:
        next(self._ways, None)

    def _go(self, count: int) -> None:
        for values in itertools.islice(self._values, count):
            self._step(values)


class Lines:
    """Appends of one line to a journal."""

    def __init__(self, folder: Path) -> None:
        text = json.dumps({"resourceMetrics": varied_steps(list(EIGHT), 15)}) + "\n"
        self._line = EncodedLine("metrics", text.encode(), 120)
        self._journal = Journal(folder)

    def prepare(self) -> None:
        self._go(20)

    def run(self) -> int:
        self._go(500)
        return 500

    def _go(self, count: int) -> None:
        for _ in range(count):
            self._journal.append(self._line)


class Drain:
    """Journals with a record of ten points a step, sent by ``http/json``.

    Args:
        folder: Where the journals are made.
        endpoint: Of an HTTP server that takes everything.
    """

    def __init__(self, folder: Path, endpoint: str) -> None:
        self._folder = folder
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}
        self._transports = make_transports(read_endpoints(variables) or {})
        self._journal = Path()

    def prepare(self) -> None:
        self._journal = self._make("warm", 30)
        self.run()
        self._journal = self._make("counted", 1000)

    def run(self) -> int:
        status = drain([self._journal], self._transports, lambda status: None).status
        if not status.finished:
            raise RuntimeError("the journal was not delivered whole")
        return status.delivered["metrics"]

    def _make(self, name: str, steps: int) -> Path:
        values = itertools.cycle(varied_steps(list(EIGHT)))
        work_dir = self._folder / name
        with otel_mmlog.init(name, work_dir=work_dir, interval=1, console=False) as run:
            for _ in run.train(range(steps)):
                run.log(next(values))
        return work_dir / "otlp" / "rank0000"


def _logging(folder: Path, _endpoint: str) -> Named:
    """All that needs no torch."""
    for name, count in {"otel-mmlog": 1000, "logging + json": 1000, "structlog + OTel gauges": 500}.items():
        yield name, (steps := Steps(peer_process.PEERS[name][0], folder / name, count))
        steps.close()
    every = partial(peer_process.otel_mmlog, steps="every")
    yield "every value", (steps := Steps(every, folder / "every", 1000))
    steps.close()
    yield "journal line", Lines(folder / "journal")


def _mmengine(folder: Path, _endpoint: str) -> Named:
    """All that mmengine does, too, but for our steps."""
    from tests.benchmarks import hub, record, registry, theirs  # noqa: PLC0415 - imports torch

    length = _HISTORY
    steps = length // 8 + 64  # our buffers grow once: its cost is in the figure
    yield (
        "hub",
        hub.Updates(otel_mmlog.MessageHub, otel_mmlog.HistoryBuffer, length=length, steps=steps, hubs=5),
    )
    yield "mmengine hub", hub.Updates(theirs.MessageHub, theirs.HistoryBuffer, length=length, steps=steps)
    yield "record", record.OurRecords(length, 200)
    yield "mmengine record", record.TheirRecords(length, 100)
    yield "mmengine", Steps(peer_process.mmengine, folder / "steps", 200)
    build = partial(registry.Calls, registry.ACTS["build"], "DEBUG", folder, count=200)
    yield "build", build(ours=True)
    yield "mmengine build", build(ours=False)


def _sender(folder: Path, endpoint: str) -> Named:
    """What the sender's process does."""
    yield "delivery", Drain(folder, endpoint)


GROUPS: Mapping[str, Callable[[Path, str], Named]] = {
    "mmengine": _mmengine,
    "logging": _logging,
    "sender": _sender,
}
"""Each is a process of its own; the longest first."""


def main(group: str, folder: Path, endpoint: str) -> None:
    """Do the work of a group."""
    units: list[tuple[str, int]] = []
    for name, contestant in GROUPS[group](folder, endpoint):
        contestant.prepare()
        _settle()
        mark()
        done = contestant.run()
        mark()
        units.append((name, done))
    (folder / UNITS).write_text(json.dumps(units))
    sys.stdout.flush()
    os._exit(0)


def _settle() -> None:
    """Begin with the garbage collector in a state that is always the same, and nothing of the imports in it."""
    gc.collect()
    gc.freeze()
    gc.collect()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
