"""Many processes that write to one folder at once: each has files of its own, and nothing is mixed up or missing."""

import json
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from otel_mmlog.testing import FakeReceiver
from tests.end_to_end.otlp_files import read_otlp
from tests.faults.fault import Context, Fault, named
from tests.faults.ledger import on_disk, taken
from tests.faults.outcome import Outcome, unless
from tests.faults.processes.forking import text
from tests.faults.processes.texts import at_server, differences, in_journals, in_json_lines, in_texts, sums_of
from tests.faults.processes.writers import LINES
from tests.faults.training import ENDPOINT, send, wait_for_senders
from tests.journals import json_lines
from tests.processes import REPOSITORY, environment

HANG_S = 600.0
SETTLE_S = 120.0


@dataclass(frozen=True, slots=True)
class Writer:
    """A process that wrote.

    Attributes:
        number: From 0.
        run_id: Of its run.
        attempt: Of its run.
        rank: In its run.
        files: Its text and its JSON file.
        complete: What closing its run returned.
        close_s: Seconds that this took.
    """

    number: int
    run_id: str
    attempt: int
    rank: int
    files: tuple[str, ...]
    complete: bool
    close_s: float

    @property
    def texts(self) -> Counter[str]:
        """The lines that it logged."""
        return Counter(text(f"writer{self.number}", line) for line in range(LINES))


def written(
    context: Context, kind: str, short: int, full: int, *, live: bool = False, shares: bool = False
) -> Outcome:
    """Let processes of a kind of `writers` write at once, and look who has what.

    Args:
        context: How.
        kind: What the processes are to each other.
        short: How many there are in the short form.
        full: And in the full one.
        live: Whether each has a sender meanwhile; else all is sent by hand.
        shares: Whether they may share text and JSON files: attempts of one run do.
    """
    work_dir, count = context.folder / "work", context.pick(short, full)
    with FakeReceiver() as receiver:
        variables = {"OTEL_MMLOG_CLOSE_TIMEOUT": str(SETTLE_S)}
        if live:
            variables[ENDPOINT] = receiver.http_endpoint
        writers, wrong = _write(work_dir, kind, count, variables)
        expected = sum((writer.texts for writer in writers), Counter())
        wait_for_senders(work_dir, SETTLE_S)
        segments = sorted(work_dir.glob("otlp/*/*.jsonl*"))
        journal, torn = in_journals(segments)
        wrong += torn + (
            [] if live else [*differences("the journals", journal, expected), *_check_owners(segments)]
        )
        sent = send(work_dir, receiver.http_endpoint)
        texts = at_server(receiver)
        items = taken(receiver)
    wrong += unless(sent.returncode == 0, f"sending the rest failed: {sent.stderr[-300:]}")
    wrong += differences("the server", texts, expected)
    wrong += _check_files(writers) if not shares else _check_shared(writers, expected)
    wrong += _check_names(writers, kind)
    wrong += unless(all(writer.complete for writer in writers), "a close did not say that all was safe")
    double = sum(len(set(each)) - len({key for key, _ in each}) for each in items.values())
    wrong += unless(double == 0, f"{double} items differ under one key")
    left = sum(map(len, on_disk(work_dir.glob("otlp/*/*.jsonl*")).values()))
    wrong += unless(left == 0, f"{left} items were left in the journals")
    files = {name for writer in writers for name in writer.files}
    close_s = max((writer.close_s for writer in writers), default=None)
    note = f"{count} processes, {len(files)} files"
    return Outcome(sums_of(expected, texts, journal), close_s=close_s, wrong=wrong, note=note)


def _write(
    work_dir: Path, kind: str, count: int, variables: Mapping[str, str]
) -> tuple[list[Writer], list[str]]:
    """Let them write; returns who they were, and what is wrong with how they ended."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.processes.writers", str(work_dir), str(count), kind],
        cwd=REPOSITORY,
        env=environment(variables),
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
    )
    said = [json.loads(line) for line in done.stdout.splitlines()]
    writers = [Writer(**{**each, "files": tuple(each["files"])}) for each in said]
    ended = f"{done.returncode} processes did not end well: {done.stderr[-1000:]}"
    return writers, [
        *unless(done.returncode == 0, ended),
        *unless(len(writers) == count, f"{len(writers)} of {count} processes wrote"),
        *unless("Traceback" not in done.stderr, f"they said: {done.stderr[-1000:]}"),
    ]


def _check_files(writers: Sequence[Writer]) -> list[str]:
    """What is wrong where each process has a text and a JSON file of its own."""
    names = Counter(name for writer in writers for name in writer.files)
    wrong = unless(len(names) == names.total() == 2 * len(writers), "processes share files")
    for writer in writers:
        log, jsonl = map(Path, writer.files)
        for path, (found, torn) in ((log, in_texts([log])), (jsonl, in_json_lines([jsonl]))):
            wrong += torn + differences(path.name, found, writer.texts)
        whose = Counter((line["run_id"], line["attempt"], line["rank"]) for line in json_lines(jsonl))
        own = (writer.run_id, writer.attempt, writer.rank)
        wrong += unless(set(whose) == {own}, f"{jsonl.name} has lines of {dict(whose)}")
    return wrong


def _check_shared(writers: Sequence[Writer], expected: Counter[str]) -> list[str]:
    """What is wrong where processes may share files: each line must be there, and a JSON line tells whose it is."""
    names = {Path(name) for writer in writers for name in writer.files}
    texts, torn = in_texts(path for path in names if path.suffix == ".log")
    lines, more = in_json_lines(path for path in names if path.suffix == ".jsonl")
    wrong = [*torn, *more]
    wrong += differences("the text files", texts, expected)
    wrong += differences("the JSON files", lines, expected)
    found: dict[tuple[str, int], set[str]] = defaultdict(set)
    for path in names:
        for line in json_lines(path) if path.suffix == ".jsonl" else ():
            found[line["run_id"], line["attempt"]].add(line["event"])
    mixed = [who.number for who in writers if not set(who.texts) <= found[who.run_id, who.attempt]]
    return [*wrong, *unless(not mixed, f"the JSON lines of {mixed} have the names of others")]


def _check_names(writers: Sequence[Writer], kind: str) -> list[str]:
    """What is wrong with who they say that they are."""
    names = Counter((writer.run_id, writer.attempt, writer.rank) for writer in writers)
    runs = len({writer.run_id for writer in writers})
    return [
        *unless(len(names) == len(writers), f"{len(writers) - len(names)} cannot be told from others"),
        *unless(runs == (len(writers) if kind == "strangers" else 1), f"there are {runs} runs"),
    ]


def _check_owners(segments: Sequence[Path]) -> list[str]:
    """What is wrong with the journals where each process has segments of its own."""
    wrong = []
    for path in segments:
        found = read_otlp(path)
        resources = [item.resource for items in (found.points, found.logs, found.spans) for item in items]
        owners = {resource["service.instance.id"] for resource in resources}
        wrong += unless(len(owners) < 2, f"{path.name} has lines of {len(owners)} processes")
    return wrong


FAULTS: Sequence[Fault] = named(
    "writers",
    [
        Fault("ranks", partial(written, kind="ranks", short=16, full=64)),
        Fault("ranks-live", partial(written, kind="ranks", short=3, full=64, live=True)),
        Fault("one-name", partial(written, kind="strangers", short=8, full=64)),
        Fault("one-name-live", partial(written, kind="strangers", short=2, full=8, live=True)),
        Fault("one-run-id", partial(written, kind="twins", short=4, full=16, shares=True)),
        Fault("one-run-id-live", partial(written, kind="twins", short=2, full=8, live=True, shares=True)),
    ],
)
