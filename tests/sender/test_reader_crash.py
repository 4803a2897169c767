"""A sender that is killed, wherever it is, loses nothing."""

import os
import shutil
import sys
from pathlib import Path

from otel_mmlog.sender.reader import JournalReader
from otel_mmlog.sender.types import SIGNALS
from tests.sender.reader_folders import (
    NEW,
    OLD,
    drain,
    marks,
    names,
    request,
    writer,
)

MAX_BYTES = 1200


def make_journal(folder: Path) -> set[str]:
    """Two attempts' segments, sealed, dead and torn; returns the marks of the lines."""
    written: set[str] = set()
    for start, process in ((OLD, "0000000a"), (NEW, "0000000b")):
        for number in range(2):
            lines = {f"{signal}:{process}{number}{i}": signal for i in range(6) for signal in SIGNALS}
            written |= lines.keys()
            data = b"".join(request(signal, mark, pad_bytes=150) for mark, signal in lines.items())
            segment = writer(folder, start=start, process=process, number=number)
            segment.write(data + b"{" * number)
            if number == 0:
                segment.seal()
            else:
                segment.forget()
    return written


def deliver_until_killed(folder: Path, sent: Path, event: int) -> int:
    """Deliver everything in a child that dies at the given one of its file operations; returns its exit code."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    code = 1
    try:
        fd = os.open(sent, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        count = [0]

        def on_event(name: str, _: object) -> None:
            if name in {"open", "os.rename", "os.remove", "os.listdir", "os.truncate", "fcntl.flock"}:
                if count[0] == event:
                    os._exit(9)
                count[0] += 1

        sys.addaudithook(on_event)
        reader = JournalReader(folder, max_bytes=MAX_BYTES)
        reader.try_lock()
        while batches := [batch for signal in SIGNALS if (batch := reader.next_batch(signal))]:
            for batch in batches:
                os.write(fd, "".join(f"{mark}\n" for mark in marks(batch.lines)).encode())
                reader.acknowledge(batch)
        reader.close()
        code = 0
    finally:
        os._exit(code)


def test_death_at_any_file_operation(tmp_path: Path) -> None:
    """A sender that dies before any open, lock, rename or unlink leaves everything to be delivered, a batch twice."""
    pristine = tmp_path / "pristine"
    pristine.mkdir()
    written = make_journal(pristine)
    line_bytes = len(request("logs", "logs:0000000a00", pad_bytes=150))
    code, event = 9, 0
    while code == 9:
        folder, sent = tmp_path / f"folder{event}", tmp_path / f"sent{event}"
        shutil.copytree(pristine, folder)
        code = deliver_until_killed(folder, sent, event)
        first = sent.read_text().split()
        reader = JournalReader(folder)
        assert reader.try_lock()
        second = [mark for found in drain(reader).values() for mark in found]
        reader.close()
        assert {*first, *second} == written
        assert len({*first}) == len(first)
        assert len({*second}) == len(second)
        for signal in SIGNALS:
            twice = [mark for mark in second if mark in first and mark.startswith(signal)]
            assert len(twice) <= MAX_BYTES // line_bytes
        assert names(folder) == ["cursor"]
        shutil.rmtree(folder)
        event += 1
    assert code == 0
    assert event > 50
