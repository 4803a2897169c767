"""A sender as a real child process, seen from the process that it sends for."""

import contextlib
import os
import signal
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from otel_mmlog.sender.process import SenderProcess
from otel_mmlog.testing import FakeReceiver
from tests.sender.rigs import UNUSED_PORT, Rig, bodies, endpoint_environment, is_sender, started, until


@pytest.fixture
def receiver() -> Iterator[FakeReceiver]:
    with FakeReceiver() as running:
        yield running


def open_fds() -> dict[str, str]:
    found = {}
    for path in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found[path.name] = str(path.readlink())
    return found


def kill_and_notice(rig: Rig, pid: int) -> None:
    os.kill(pid, signal.SIGKILL)

    def has_noticed() -> bool:
        rig.sender.status()
        return rig.sender.pid is None

    until(has_noticed)


def test_everything_is_delivered_and_nothing_left(tmp_path: Path, receiver: FakeReceiver) -> None:
    """After flush and close the receiver has every line once, and the segments are gone."""
    with started(tmp_path, receiver.http_endpoint) as rig:
        rig.log_many(50)
        rig.point(0.5)
        assert rig.sender.flush(20)
        assert bodies(receiver) == rig.logged
        rig.log("the last")
        rig.journal.close()
        assert rig.sender.close(20)
        assert bodies(receiver) == rig.logged
        assert [point.value for point in receiver.points("mmlog.train.loss")] == [0.5]
        status = rig.sender.status()
        assert status is not None
        assert status.delivered["logs"] == 51
        assert status.oldest_ns is None
        assert rig.segments() == []
        assert rig.faults == []


def test_nothing_remains_after_close(tmp_path: Path, receiver: FakeReceiver) -> None:
    """No descriptor, thread or child."""
    receiver.answer(200)
    threads, fds = threading.active_count(), open_fds()
    with started(tmp_path, receiver.http_endpoint) as rig:
        rig.log("a")
        assert rig.sender.flush(20)
        assert threading.active_count() <= threads + 1  # the receiver's own, for the connection
        rig.journal.close()
        pid = rig.sender.pid
        assert rig.sender.close(20)
        assert pid is not None
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    until(lambda: threading.active_count() == threads)
    until(lambda: set(open_fds()) == set(fds))


@pytest.mark.parametrize("kind", ["dead", "silent", "broken"])
def test_close_is_bounded_and_pokes_never_wait(tmp_path: Path, receiver: FakeReceiver, kind: str) -> None:
    """Whatever the endpoint does: 3 s at most for close, no time for a poke, and the journal keeps everything."""
    receiver.answer(503 if kind == "broken" else 200, times=None, delay_s=60 if kind == "silent" else 0)
    endpoint = UNUSED_PORT if kind == "dead" else receiver.http_endpoint
    with started(tmp_path, endpoint) as rig:
        pokes = []
        for number in range(300):
            rig.log(f"line {number}")
            began_s = time.perf_counter()
            rig.sender.poke()
            pokes.append(time.perf_counter() - began_s)
            time.sleep(0.002)
        began_s = time.monotonic()
        assert not rig.sender.flush(0.2)
        assert not rig.sender.close(0.8)
        assert time.monotonic() - began_s < 10
        assert statistics.median(pokes) < 0.02
        assert rig.segments()


def test_lingering_sender_finishes_after_close(tmp_path: Path, receiver: FakeReceiver) -> None:
    """What close had no time for goes out when the server is back, and then the sender ends."""
    receiver.answer(503, times=None)
    with started(tmp_path, receiver.http_endpoint, linger_s=30.0) as rig:
        rig.log_many(20)
        rig.journal.close()
        pid = rig.sender.pid
        assert pid is not None
        assert not rig.sender.close(0.5)
        assert is_sender(pid)
        receiver.accept()
        until(lambda: not is_sender(pid), 30)
        assert bodies(receiver) == rig.logged
        assert rig.segments() == []


def test_linger_time_is_kept(tmp_path: Path) -> None:
    """A sender whose server stays dead ends with the linger time, and the journal stays."""
    with started(tmp_path, UNUSED_PORT, linger_s=1.0) as rig:
        rig.log("a")
        pid = rig.sender.pid
        assert pid is not None
        rig.sender.close(0)
        until(lambda: not is_sender(pid), 20)
        assert rig.segments()


def test_killed_senders_lose_nothing(tmp_path: Path, receiver: FakeReceiver) -> None:
    """Ten SIGKILLs at random moments: every line arrives, and each kill sends one batch twice at most."""
    random = Random(4)
    kills = 10
    rig = Rig(tmp_path, receiver.http_endpoint)
    rig.sender = SenderProcess(
        rig.folder,
        endpoint_environment(receiver.http_endpoint),
        gather_s=0.02,
        clock=lambda: time.monotonic() + skipped_s[0],
    )
    skipped_s = [0.0]
    rig.sender.start()
    for kill in range(kills):
        rig.sender.poke()
        end_s = time.monotonic() + 0.15 + random.random() * 0.4
        while time.monotonic() < end_s:
            rig.log(f"{kill}: {len(rig.logged)}")
            time.sleep(0.002)
        pid = rig.sender.pid
        assert pid is not None
        skipped_s[0] += 700.0  # a death after a long life is not counted with those before
        kill_and_notice(rig, pid)
        skipped_s[0] += 2.0
    assert rig.sender.flush(30)
    rig.journal.close()
    assert rig.sender.close(20)
    taken = bodies(receiver)
    assert set(taken) == set(rig.logged)
    largest = max(len(request.message.resource_logs) for request in receiver.requests if request.accepted)
    assert len(taken) - len(rig.logged) <= kills * largest
    assert rig.segments() == []


def test_five_deaths_leave_the_journal_only(tmp_path: Path, receiver: FakeReceiver) -> None:
    """A sender that keeps dying is replaced later each time, and in the end not at all: one warning says so."""
    now_s = [0.0]
    with started(tmp_path, receiver.http_endpoint, clock=lambda: now_s[0]) as rig:
        lives = 0
        for wait_s in (1, 5, 25, 125, 600):
            pid = rig.sender.pid
            assert pid is not None
            lives += 1
            kill_and_notice(rig, pid)
            now_s[0] += wait_s - 0.3
            rig.sender.poke()
            assert rig.sender.pid is None
            now_s[0] += 0.6
            rig.sender.poke()
        assert lives == 5
        assert rig.sender.pid is None
        assert len(rig.faults) == 1
        assert f"otel-mmlog send {rig.folder}" in rig.faults[0]
        began_s = time.monotonic()
        assert not rig.sender.flush(60)
        assert not rig.sender.close(60)
        assert time.monotonic() - began_s < 20


def test_wrong_token_is_one_fault(tmp_path: Path, receiver: FakeReceiver) -> None:
    """The parent hears once that somebody has to change something; no secret is in it."""
    receiver.answer(401, times=None)
    environ = endpoint_environment(receiver.http_endpoint, HEADERS="authorization=Bearer%20s3cret")
    with started(tmp_path, receiver.http_endpoint, environ=environ) as rig:
        rig.log("a")
        until(lambda: rig.sender.status() is not None and bool(rig.faults))
        rig.sender.flush(0.5)
        assert len(rig.faults) == 1
        assert "401" in rig.faults[0]
        assert "s3cret" not in rig.faults[0] + rig.words()
        began_s = time.monotonic()
        rig.journal.close()
        assert not rig.sender.close(60)
        assert time.monotonic() - began_s < 20  # it does not linger where waiting is of no use


def test_no_interpreter_is_one_fault(
    tmp_path: Path, receiver: FakeReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no child can be started the journal still works, and one warning says how to send it."""
    monkeypatch.setattr(sys, "executable", "")
    with started(tmp_path, receiver.http_endpoint) as rig:
        rig.log("a")
        assert rig.sender.pid is None
        assert not rig.sender.flush(1)
        assert not rig.sender.close()
        assert len(rig.faults) == 1
        assert f"otel-mmlog send {rig.folder}" in rig.faults[0]


def test_stopped_sender_never_blocks_its_parent(tmp_path: Path, receiver: FakeReceiver) -> None:
    """A child that reads nothing fills its pipe; pokes go nowhere then, and nothing waits for them."""
    skipped_s = [0.0]
    with started(tmp_path, receiver.http_endpoint, clock=lambda: time.monotonic() + skipped_s[0]) as rig:
        rig.log("a")
        assert rig.sender.flush(20)
        pid = rig.sender.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        began_s = time.monotonic()
        for _ in range(80_000):
            skipped_s[0] += 0.3
            rig.sender.poke()
        assert time.monotonic() - began_s < 10
        assert not rig.sender.flush(0.2)
        os.kill(pid, signal.SIGCONT)
        rig.log("b")
        assert rig.sender.flush(20)
        assert bodies(receiver) == ["a", "b"]


def test_forked_child_neither_holds_nor_uses_the_pipe(tmp_path: Path, receiver: FakeReceiver) -> None:
    """A DataLoader worker's poke, flush and close do nothing, and its life does not keep the sender alive."""
    with started(tmp_path, receiver.http_endpoint) as rig:
        rig.log("a")
        assert rig.sender.flush(20)
        read, write = os.pipe()
        worker = os.fork()
        if worker == 0:
            code = 1
            try:
                pipes = [name for name in open_fds().values() if name.startswith("pipe:")]
                rig.sender.poke()
                if not rig.sender.flush(1) and not rig.sender.close(1) and rig.sender.pid is None:
                    code = 0
                os.write(write, f"{code} {len(pipes)}\n".encode())
                time.sleep(30)
            finally:
                os._exit(code)
        said = os.read(read, 100).split()
        try:
            assert said[0] == b"0"
            ours = [name for name in open_fds().values() if name.startswith("pipe:")]
            assert int(said[1]) == len(ours) - 2
            rig.journal.close()
            assert rig.sender.close(20)  # the worker still lives
        finally:
            os.kill(worker, signal.SIGKILL)
            os.waitpid(worker, 0)
            os.close(read)
            os.close(write)


def test_earlier_attempts_are_adopted(tmp_path: Path, receiver: FakeReceiver) -> None:
    """What an attempt without a sender left in the folder is delivered by the next one's sender."""
    before = Rig(tmp_path, receiver.http_endpoint)
    before.log_many(30)
    before.journal.close()
    with started(tmp_path, receiver.http_endpoint) as rig:
        rig.log("new")
        rig.journal.close()
        assert rig.sender.close(20)
        assert sorted(bodies(receiver)) == sorted([*before.logged, "new"])
        assert rig.segments() == []


def test_counts_go_on_over_a_death(tmp_path: Path, receiver: FakeReceiver) -> None:
    """The status of a second child counts what the first delivered."""
    now_s = [0.0]
    with started(tmp_path, receiver.http_endpoint, clock=lambda: time.monotonic() + now_s[0]) as rig:
        rig.log_many(10)
        assert rig.sender.flush(20)
        pid = rig.sender.pid
        assert pid is not None
        kill_and_notice(rig, pid)
        now_s[0] += 2.0
        rig.log_many(5, start=10)
        assert rig.sender.flush(20)
        status = rig.sender.status()
        assert status is not None
        assert status.delivered["logs"] >= 15
