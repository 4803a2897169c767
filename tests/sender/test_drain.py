"""Sending journals in the foreground."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from otel_mmlog.sender.drain import Summary, drain
from otel_mmlog.sender.reader import JournalReader
from otel_mmlog.sender.status import SenderStatus
from otel_mmlog.testing import FakeReceiver, Reply, Request
from tests.sender.rigs import UNUSED_PORT, Rig, bodies, until
from tests.sender.transports import transports, variables


@pytest.fixture
def receiver() -> Iterator[FakeReceiver]:
    with FakeReceiver() as running:
        yield running


def ignore(_status: SenderStatus) -> None:
    """Show no progress."""


def journal(folder: Path, *lines: str) -> Path:
    """A folder with a closed journal of log records."""
    rig = Rig(folder, UNUSED_PORT)
    for line in lines:
        rig.log(line)
    rig.journal.close()
    return rig.folder


def send(receiver: FakeReceiver, *folders: Path, patience_s: float = 20.0) -> Summary:
    with transports(variables(receiver)) as made:
        return drain(folders, made, ignore, patience_s=patience_s)


def test_all_folders_are_sent(tmp_path: Path, receiver: FakeReceiver) -> None:
    """Every line of every folder arrives once, and the segments are gone."""
    folders = [
        journal(tmp_path / str(rank), *(f"{rank}: {number}" for number in range(20))) for rank in range(3)
    ]
    seen: list[SenderStatus] = []
    with transports(variables(receiver)) as made:
        summary = drain(folders, made, seen.append)
    assert summary.status.finished
    assert summary.status.delivered["logs"] == 60
    assert summary.status.backlog_bytes == 0
    assert summary.left_bytes == {"metrics": 0, "logs": 0, "traces": 0}
    assert seen[-1] == summary.status
    assert len(bodies(receiver)) == len(set(bodies(receiver))) == 60
    assert not list(tmp_path.rglob("*.jsonl"))


def test_folder_that_goes(tmp_path: Path, receiver: FakeReceiver) -> None:
    """What the last words of dead processes raise in one folder is told, and keeps no other from being sent."""
    folders = [journal(tmp_path / name, name) for name in ("a", "b")]

    def on_dead(folder: Path) -> None:
        if folder == folders[0]:
            raise FileNotFoundError("it has gone")

    told: list[str] = []
    with transports(variables(receiver)) as made:
        summary = drain(folders, made, ignore, on_dead=on_dead, tell=told.append)
    assert summary.status.delivered["logs"] == 2
    assert [str(folders[0]) in each and "it has gone" in each for each in told] == [True]


def test_dead_server_ends_it_after_a_while(tmp_path: Path) -> None:
    """It gives up when nothing goes on, says why, and everything stays."""
    folder = journal(tmp_path, "a")
    with FakeReceiver() as gone:
        environ = variables(gone)
    began_s = time.monotonic()
    with transports(environ) as made:
        summary = drain([folder], made, ignore, patience_s=1.0)
    assert time.monotonic() - began_s < 20
    assert not summary.status.finished
    assert summary.status.troubles["logs"].kind == "retrying"
    assert summary.left_bytes["logs"] > 0
    assert list(folder.glob("*.jsonl"))


def test_refused_folder_does_not_hold_the_others(tmp_path: Path, receiver: FakeReceiver) -> None:
    """Where a server takes nothing of the first folder, the others arrive, and prove that its lines are bad."""

    def refuse_old(request: Request) -> Reply | None:
        return Reply(400, message="too old") if b"old" in request.body else None

    receiver.answer_by(refuse_old)
    folders = [journal(tmp_path / "a", "old 1", "old 2"), journal(tmp_path / "b", "new 1", "new 2")]
    summary = send(receiver, *folders)
    assert set(bodies(receiver)) == {"new 1", "new 2"}
    assert summary.status.delivered["logs"] == 2
    assert summary.status.quarantined["logs"] == 2
    assert summary.status.finished
    assert "too old" in (folders[0] / "quarantine.logs.jsonl").read_text()


def test_server_that_refuses_everything_ends_it_soon(tmp_path: Path, receiver: FakeReceiver) -> None:
    """Nobody waits for a server that somebody has to change first; nothing is set aside."""
    receiver.answer(403, times=None)
    folder = journal(tmp_path, "a")
    began_s = time.monotonic()
    summary = send(receiver, folder, patience_s=60.0)
    assert time.monotonic() - began_s < 30
    assert summary.status.troubles["logs"].kind == "paused"
    assert not summary.status.finished
    assert not (folder / "quarantine.logs.jsonl").exists()


def test_folder_of_another_sender_is_left_alone(tmp_path: Path, receiver: FakeReceiver) -> None:
    """It is named, and what it holds is not sent twice."""
    folders = [journal(tmp_path / "a", "a"), journal(tmp_path / "b", "b")]
    holder = JournalReader(folders[0])
    assert holder.try_lock()
    try:
        summary = send(receiver, *folders)
    finally:
        holder.close()
    assert summary.busy == (folders[0],)
    assert bodies(receiver) == ["b"]


def test_following_sends_what_is_written_meanwhile(tmp_path: Path, receiver: FakeReceiver) -> None:
    """It goes on until it is interrupted, and loses nothing then."""
    rig = Rig(tmp_path, UNUSED_PORT)
    stop = threading.Event()

    def look(_status: SenderStatus) -> None:
        if stop.is_set():
            raise KeyboardInterrupt

    def follow() -> None:
        with pytest.raises(KeyboardInterrupt), transports(variables(receiver)) as made:
            drain([rig.folder], made, look, follow=True)

    thread = threading.Thread(target=follow)
    thread.start()
    try:
        rig.log("a")
        until(lambda: bodies(receiver) == ["a"])
        rig.log("b")
        until(lambda: bodies(receiver) == ["a", "b"])
    finally:
        stop.set()
        thread.join(20)
    rig.journal.close()
    send(receiver, rig.folder)
    assert bodies(receiver) == ["a", "b"]
