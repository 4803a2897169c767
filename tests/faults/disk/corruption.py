"""Bytes that change, vanish or become zero in segments and cursors, one place after the other."""

import random
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from otel_mmlog.core.line_check import CHECK_BYTES
from otel_mmlog.otel.lines import EncodedLine
from otel_mmlog.otel.recovery import recover
from otel_mmlog.sender.cursor import CURSOR
from otel_mmlog.sender.reader import JournalReader
from otel_mmlog.sender.types import SIGNALS
from tests.faults.disk import damaged_starts, foreign
from tests.faults.disk.damage import Subject, changed, deliver, fast_folder, make_subject, wrong_delivery
from tests.faults.fault import Context, Fault, named
from tests.faults.outcome import Outcome, unless

Cases = Callable[[Context, Subject], Iterator[tuple[str, bytes, int, int]]]
"""Gives what was done, the damaged bytes, and where the damage begins and ends."""

_SEED: Final = 7
_END_TIME: Final = re.compile(rb'"endTimeUnixNano":"\d+"')
_STRIDE: Final = 1499
"""Of the short form; a prime, so that it meets every part of a line sooner or later."""


def _segment(context: Context, make: Cases) -> Outcome:
    """Damage a segment in many ways, each time anew, and deliver what is left of it."""
    subject = make_subject(context.folder / "run")
    cases = 0
    wrong: list[str] = []
    with fast_folder(context.folder) as fast:
        for what, data, first, last in make(context, subject):
            cases += 1
            name = f"{subject.name}.part" if cases % 2 else subject.name  # of a dead process, or sealed
            journal = fast / "journal"
            journal.mkdir()
            (journal / name).write_bytes(data)
            wrong += wrong_delivery(subject, deliver(journal), subject.untouched(first, last), what)
            left = [path.name for path in journal.iterdir() if path.name != CURSOR]
            # An empty file may be so new that its writer is about to mark it.
            wrong += unless(not left or not data, f"{what}: {left} are left")
            shutil.rmtree(journal)
            if len(wrong) > 10:
                break
    wrong += unless(cases > 10, f"only {cases} cases were made")
    return Outcome(
        wrong=wrong, note=f"{cases:,} cases: {len(subject.data):,} bytes, {len(subject.lines)} lines"
    )


def _flips(context: Context, subject: Subject) -> Iterator[tuple[str, bytes, int, int]]:
    """Every byte becomes another one, as a rule one that leaves the JSON valid."""
    moments = random.Random(_SEED)
    around_ends = {end - back for end in subject.ends.values() for back in (1, 2, 1 + CHECK_BYTES)}
    for place in sorted({*range(0, len(subject.data), context.pick(_STRIDE, 1)), *around_ends}):
        byte = changed(subject.data[place], moments)
        data = subject.data[:place] + bytes([byte]) + subject.data[place + 1 :]
        yield f"byte {place} became {bytes([byte])!r}", data, place, place + 1


def _cuts(context: Context, subject: Subject) -> Iterator[tuple[str, bytes, int, int]]:
    """The file ends at every length."""
    for length in range(0, len(subject.data), context.pick(_STRIDE, 1)):
        yield f"cut to {length} bytes", subject.data[:length], length, len(subject.data)


def _zeros(context: Context, subject: Subject) -> Iterator[tuple[str, bytes, int, int]]:
    """Zeros stand where the last bytes were, or behind them, as after a crash of the machine."""
    size = len(subject.data)
    for length in range(1, 8192, context.pick(_STRIDE, 13)):
        yield (
            f"the last {length} bytes are zeros",
            subject.data[:-length] + bytes(length),
            size - length,
            size,
        )
    for length in (1, 511, 4096, 2 * 1024 * 1024):
        yield f"{length} zeros behind it", subject.data + bytes(length), size, size
    for start in range(0, size - 4096, context.pick(4096, 512)):
        data = subject.data[:start] + bytes(4096) + subject.data[start + 4096 :]
        yield f"a page of zeros at {start}", data, start, start + 4096


def _cursor(context: Context, make: Callable[[Context, bytes], Iterator[tuple[str, bytes]]]) -> Outcome:
    """Damage a cursor in many ways; nothing that it had not passed may be passed over."""
    subject = make_subject(context.folder / "run")
    original = context.folder / "original"
    waiting = set(subject.lines.values()) - _deliver_in_part(original, subject)
    cursor = (original / CURSOR).read_bytes()
    written = len(cursor.splitlines())
    cases, wrong = 0, unless(written >= 3, f"the cursor has {written} lines")
    with fast_folder(context.folder) as fast:
        for what, data in make(context, cursor):
            cases += 1
            journal = fast / "journal"
            shutil.copytree(original, journal)
            (journal / CURSOR).write_bytes(data)
            wrong += wrong_delivery(subject, deliver(journal), waiting, what)
            shutil.rmtree(journal)
            if len(wrong) > 10:
                break
    return Outcome(wrong=wrong, note=f"{cases:,} cases: {len(cursor):,} bytes, {written} lines")


def _deliver_in_part(folder: Path, subject: Subject) -> set[bytes]:
    """Deliver a few batches, each with a line of the cursor; returns the lines."""
    folder.mkdir()
    (folder / subject.name).write_bytes(subject.data)
    reader = JournalReader(folder, max_bytes=10_000)
    assert reader.try_lock()
    delivered: set[bytes] = set()
    for _ in range(2):
        for signal in SIGNALS:
            batch = reader.next_batch(signal)
            if batch is not None:
                delivered.update(batch.lines)
                reader.acknowledge(batch)
                reader.save()
    reader.close()
    return delivered


def _cursor_flips(context: Context, cursor: bytes) -> Iterator[tuple[str, bytes]]:
    moments = random.Random(_SEED)
    for place in range(0, len(cursor), context.pick(3, 1)):
        byte = bytes([changed(cursor[place], moments)])
        yield f"byte {place} became {byte!r}", cursor[:place] + byte + cursor[place + 1 :]


def _cursor_cuts(context: Context, cursor: bytes) -> Iterator[tuple[str, bytes]]:
    for length in range(0, len(cursor), context.pick(3, 1)):
        yield f"cut to {length} bytes", cursor[:length]
        yield f"zeros from byte {length} on", cursor[:length] + bytes(len(cursor) - length)


def _recovery(context: Context) -> Outcome:
    """A dead process's open spans are ended from a damaged segment, but for one; none that was not begun is."""
    subject = make_subject(context.folder / "run")
    starts = subject.data[: subject.data.index(b'{"resourceMetrics"', 1)]
    endless = b"".join(line for line in starts.splitlines(keepends=True) if b"resourceSpans" not in line)
    moments, cases = random.Random(_SEED), 0
    wrong: list[str] = []
    with fast_folder(context.folder) as fast:
        path = fast / "journal" / f"{subject.name}.part"
        begun, still_open = _ended(path, endless), _ended(path, starts)
        wrong += unless(
            len(begun) > len(still_open) >= 2, f"{len(still_open)} of {len(begun)} spans were open"
        )
        for place in range(0, len(starts), context.pick(31, 1)):
            byte = bytes([changed(starts[place], moments)])
            found = _ended(path, starts[:place] + byte + starts[place + 1 :])
            cases += 1
            lost, others = len(still_open - found), [line[:200] for line in found - begun]
            wrong += unless(lost <= 1 and not others, f"byte {place} became {byte!r}: {lost} lost, {others}")
    return Outcome(wrong=wrong, note=f"{cases:,} cases: {len(starts):,} bytes, {len(begun)} spans")


def _ended(path: Path, data: bytes) -> set[bytes]:
    """The lines with which a recovery ends the spans of a dead process, but for when they ended."""
    path.parent.mkdir()
    path.write_bytes(data)
    lines: list[bytes] = []

    def keep(line: EncodedLine) -> bool:
        lines.append(line.data)
        return True

    recover(path.parent, keep)
    shutil.rmtree(path.parent)
    return {_END_TIME.sub(b"", line) for line in lines}


FAULTS: Sequence[Fault] = named(
    "corruption",
    [
        Fault("segment-flipped", partial(_segment, make=_flips)),
        Fault("segment-cut", partial(_segment, make=_cuts)),
        Fault("segment-zeros", partial(_segment, make=_zeros)),
        Fault("cursor-flipped", partial(_cursor, make=_cursor_flips)),
        Fault("cursor-cut", partial(_cursor, make=_cursor_cuts)),
        Fault("recovery-flipped", _recovery),
        *damaged_starts.FAULTS,
        *foreign.FAULTS,
    ],
)
