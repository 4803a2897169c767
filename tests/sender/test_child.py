"""The sender as a process of its own: what it inherits, what it hears, and when it ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from otel_mmlog.sender.endpoints import Protocol
from otel_mmlog.testing import FakeReceiver
from tests.processes import REPOSITORY, environment, start_python
from tests.sender.rigs import UNUSED_PORT, Rig, bodies, end, endpoint_environment, is_sender, started, until
from tests.sender.transports import PROTOCOLS, variables

TRAIN = """
import os, signal, sys, time
from pathlib import Path
sys.path.append({repository!r})
from tests.sender.rigs import Rig
{before}
rig = Rig(Path(sys.argv[1]), sys.argv[2], linger_s=20.0)
rig.sender.start()
rig.log_many(30)
print(rig.sender.pid, flush=True)
{after}
"""


def train(before: str = "", after: str = "sys.stdin.read()") -> str:
    return TRAIN.format(repository=str(REPOSITORY), before=before, after=after)


@pytest.fixture
def receiver() -> Iterator[FakeReceiver]:
    with FakeReceiver() as running:
        yield running


def pid_of(rig: Rig) -> int:
    pid = rig.sender.pid
    assert pid is not None
    return pid


def test_environment_is_what_a_sender_needs(tmp_path: Path, receiver: FakeReceiver) -> None:
    """Of the job's environment only names on a list get in: no token of somebody else's, no PYTHON variable."""
    environ = {
        **endpoint_environment(receiver.http_endpoint),
        "AWS_SECRET_ACCESS_KEY": "s3cret",
        "PYTHONPATH": "/nowhere",
        "PYTHONSTARTUP": "/nowhere",
        "LD_PRELOAD": "",
        "no_proxy": "127.0.0.1",
        "SSL_CERT_DIR": "/etc/ssl/certs",
    }
    with started(tmp_path, receiver.http_endpoint, environ=environ) as rig:
        rig.log("a")
        assert rig.sender.flush(20)
        found = Path(f"/proc/{pid_of(rig)}/environ").read_bytes().split(b"\0")
        names = {entry.partition(b"=")[0].decode() for entry in found} - {""}
        assert {"OTEL_EXPORTER_OTLP_ENDPOINT", "PATH", "no_proxy", "SSL_CERT_DIR"} <= names
        assert not names & {"AWS_SECRET_ACCESS_KEY", "PYTHONPATH", "PYTHONSTARTUP", "LD_PRELOAD"}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_protocol_delivers(tmp_path: Path, receiver: FakeReceiver, protocol: Protocol) -> None:
    """Logs and points arrive over JSON, protobuf and gRPC, and close says so."""
    with started(tmp_path, "", environ={**os.environ, **variables(receiver, protocol)}) as rig:
        rig.log_many(10)
        rig.point(0.5)
        rig.journal.close()
        assert rig.sender.close(20)
        assert bodies(receiver) == rig.logged
        assert len(receiver.points("mmlog.train.loss")) == 1
        assert {request.protocol for request in receiver.requests} == {protocol}
        assert rig.segments() == []


def test_sender_without_an_endpoint_ends(tmp_path: Path) -> None:
    """It has nothing to do, and does not say that it finished."""
    with started(tmp_path, "", environ=dict(os.environ)) as rig:
        rig.log("a")
        rig.journal.close()
        assert not rig.sender.close(20)
        assert "no endpoint" in rig.words()
        assert rig.segments()


def test_secret_is_not_on_the_command_line(tmp_path: Path, receiver: FakeReceiver) -> None:
    """Everybody on a machine can read command lines."""
    environ = endpoint_environment(receiver.http_endpoint, HEADERS="authorization=Bearer%20s3cret")
    with started(tmp_path, receiver.http_endpoint, environ=environ) as rig:
        rig.log("a")
        assert rig.sender.flush(20)
        assert receiver.requests[0].headers["authorization"] == "Bearer s3cret"
        assert b"s3cret" not in Path(f"/proc/{pid_of(rig)}/cmdline").read_bytes()


def test_descriptors_of_the_job_are_not_inherited(tmp_path: Path, receiver: FakeReceiver) -> None:
    """A pipe of the job closes when the job ends, although its sender lives on."""
    read, write = os.pipe()
    os.set_inheritable(write, True)
    try:
        with started(tmp_path, receiver.http_endpoint) as rig:
            rig.log("a")
            assert rig.sender.flush(20)
            os.close(write)
            assert os.read(read, 1) == b""
            for path in Path(f"/proc/{pid_of(rig)}/fd").iterdir():
                assert str(path.readlink()).startswith(("pipe:", "socket:", str(tmp_path)))
    finally:
        os.close(read)


def test_sender_yields_and_has_a_session_of_its_own(tmp_path: Path, receiver: FakeReceiver) -> None:
    """It is nice, and neither Ctrl-C nor the end of the terminal reaches it."""
    with started(tmp_path, receiver.http_endpoint) as rig:
        rig.log("a")
        assert rig.sender.flush(20)
        pid = pid_of(rig)
        assert os.getpriority(os.PRIO_PROCESS, pid) >= 10
        assert os.getsid(pid) == pid != os.getsid(0)


def test_modules_of_the_user_shadow_nothing(
    tmp_path: Path, receiver: FakeReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An ``http.py``, ``requests.py`` and ``json.py`` beside the script and in PYTHONPATH are never imported."""
    folder = tmp_path / "user"
    folder.mkdir()
    for name in ("http", "requests", "json", "ssl", "urllib3"):
        (folder / f"{name}.py").write_text("import os; os._exit(77)")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.chdir(folder)
    with started(tmp_path, receiver.http_endpoint) as rig:
        rig.log("a")
        assert rig.sender.flush(20)
        assert bodies(receiver) == ["a"]


def test_numpy_and_what_is_not_used_stay_out(tmp_path: Path, receiver: FakeReceiver) -> None:
    """A sender over JSON loads neither numpy, torch, gRPC nor protobuf."""
    with started(tmp_path, receiver.http_endpoint) as rig:
        rig.log("a")
        assert rig.sender.flush(20)
        mapped = Path(f"/proc/{pid_of(rig)}/maps").read_text()
        for name in ("numpy", "torch", "cygrpc", "google/_upb"):
            assert name not in mapped


@pytest.mark.parametrize(("answers_after_s", "left"), [(0.0, []), (0.6, []), (60.0, ["c"])])
def test_terminated_sender_waits_a_moment_for_answers(
    tmp_path: Path, receiver: FakeReceiver, answers_after_s: float, left: list[str]
) -> None:
    """SIGTERM ends it in the middle of a request too; what is acknowledged within a second is not sent again."""
    with started(tmp_path, receiver.http_endpoint) as rig:
        rig.log("a")
        assert rig.sender.flush(20)
        rig.log("b")
        until(lambda: bodies(receiver) == ["a", "b"])
        time.sleep(0.2)  # the answer has come, and the cursor is not due
        if answers_after_s:
            receiver.answer(200, times=None, delay_s=answers_after_s)
            rig.log("c")
            until(lambda: len(receiver.requests) >= 3)
        pid = pid_of(rig)
        os.kill(pid, signal.SIGTERM)
        until(lambda: not is_sender(pid), 4)
    assert sent_again(tmp_path) == left


@pytest.mark.parametrize(("answers_after_s", "left"), [(0.6, []), (60.0, ["a"])])
def test_sender_out_of_time_waits_a_moment_for_answers(
    tmp_path: Path, receiver: FakeReceiver, answers_after_s: float, left: list[str]
) -> None:
    """Its request is under way when its time is over; it begins no other."""
    receiver.answer(200, times=None, delay_s=answers_after_s)
    with started(tmp_path, receiver.http_endpoint, linger_s=0.0) as rig:
        rig.log("a")
        until(lambda: len(receiver.requests) >= 1)
        rig.log("b")
        rig.journal.close()
        pid = pid_of(rig)
        assert not rig.sender.close(0.01)
        until(lambda: not is_sender(pid), 4)
        assert len(receiver.requests) == 1
    assert sent_again(tmp_path) == [*left, "b"]


def sent_again(folder: Path) -> list[str]:
    """What the next sender of the folder delivers."""
    with FakeReceiver() as other, started(folder, other.http_endpoint) as rig:
        assert rig.sender.close(20)
        return bodies(other)


def test_killed_training_process_is_sent_for_to_the_end(tmp_path: Path, receiver: FakeReceiver) -> None:
    """When the parent is killed its sender delivers the rest, and ends."""
    receiver.answer(503, times=None)
    process = start_python(train(), tmp_path, receiver.http_endpoint)
    with process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        process.kill()
        process.wait()
        receiver.accept()
        until(lambda: not is_sender(pid), 30)
    assert len(set(bodies(receiver))) == 30
    assert not list(tmp_path.rglob("*.jsonl*"))


def test_job_that_forked_is_sent_for_to_the_end(tmp_path: Path, receiver: FakeReceiver) -> None:
    """A worker that outlives its parent and holds every descriptor does not keep the sender waiting."""
    after = (
        "import ctypes\n"
        "if ctypes.CDLL(None).fork() == 0:\n"  # no hook of Python's runs
        "    time.sleep(8)\n"
        "    os._exit(0)\n"
        "os._exit(0)"
    )
    process = start_python(train(after=after), tmp_path, receiver.http_endpoint)
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    process.wait(20)
    began_s = time.monotonic()
    until(lambda: not is_sender(pid), 7)
    assert time.monotonic() - began_s < 7
    assert len(set(bodies(receiver))) == 30
    process.stdout.close()
    assert process.stderr is not None
    process.stderr.close()


def test_captured_output_of_a_job_ends_with_the_job(tmp_path: Path) -> None:
    """``job | tee`` does not wait for a sender that lingers."""
    began_s = time.monotonic()
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            train(after="rig.journal.close(); rig.sender.close(0.1)"),
            tmp_path,
            UNUSED_PORT,
        ],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    pid = int(done.stdout)
    assert is_sender(pid), "it lingers, since its server is dead"
    assert time.monotonic() - began_s < 20
    end(pid)


def test_broken_pipe_does_not_kill_a_job(tmp_path: Path, receiver: FakeReceiver) -> None:
    """A script that restored SIGPIPE's default survives the death of its sender."""
    after = (
        "os.kill(rig.sender.pid, 9)\n"
        "time.sleep(0.3)\n"
        "for _ in range(10): rig.sender.poke()\n"
        "print('alive', flush=True)\n"
        "rig.sender.close(0.5)"
    )
    source = train("signal.signal(signal.SIGPIPE, signal.SIG_DFL)", after)
    process = start_python(source, tmp_path, receiver.http_endpoint)
    output, errors = process.communicate(timeout=60)
    assert output.endswith("alive\n"), errors
    assert process.returncode == 0


def test_second_sender_waits_for_the_first(tmp_path: Path, receiver: FakeReceiver) -> None:
    """One folder has one sender; when it ends, the next takes over what is left."""
    with started(tmp_path, receiver.http_endpoint) as first:
        first.log("a")
        assert first.sender.flush(20)
        with started(tmp_path, receiver.http_endpoint) as second:
            until(lambda: "another sender" in second.words())
            first.journal.close()
            assert first.sender.close(20)
            second.log("b")
            second.journal.close()
            assert second.sender.close(20)
    assert bodies(receiver) == ["a", "b"]


def test_what_another_sender_delivers_is_delivered(tmp_path: Path, receiver: FakeReceiver) -> None:
    """A run whose folder another one's sender has hears of its deliveries, and of nothing before them."""
    with started(tmp_path, receiver.http_endpoint) as first:
        first.log("a")
        assert first.sender.flush(20)
        receiver.answer(503, times=None)
        with started(tmp_path, receiver.http_endpoint) as second:
            second.log("b")
            assert not second.sender.flush(2)
            status = second.sender.status()
            assert status is not None
            assert status.backlog_bytes > 0
            receiver.accept()
            assert first.sender.flush(20)
            assert second.sender.flush(20)
            second.journal.close()
            assert second.sender.close(20)
        assert bodies(receiver) == ["a", "b"]
        assert first.sender.pid is not None


def test_idle_sender_says_nothing(tmp_path: Path, receiver: FakeReceiver) -> None:
    """Where everything goes well there is not a word in its log, and no request without lines."""
    with started(tmp_path, receiver.http_endpoint) as rig:
        rig.log("a")
        assert rig.sender.flush(20)
        time.sleep(1.5)
        assert len(receiver.requests) == 1
        assert rig.words() == ""


def test_silent_signal_holds_no_other(tmp_path: Path, receiver: FakeReceiver) -> None:
    """While the server lets log requests hang, metrics arrive."""
    receiver.answer(200, times=None, signal="logs", delay_s=60)
    with started(tmp_path, receiver.http_endpoint) as rig:
        for value in range(5):
            rig.log("hangs")
            rig.point(float(value))
            time.sleep(0.2)
        until(lambda: len(receiver.points("mmlog.train.loss")) == 5, 5)
        assert not rig.sender.flush(0.1)
