"""A run with an endpoint: all of it arrives, and whatever the endpoint does, training and its end are the same."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import otel_mmlog
from otel_mmlog import ConfigError
from otel_mmlog.testing import FakeReceiver
from tests.conftest import MakeRun
from tests.journals import json_lines, read_journals, tags
from tests.processes import BEGIN, run_python, start_python
from tests.training import train

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
REFUSES = "http://127.0.0.1:9"
CLOSE_S = 4.5  # 3 s, and what a busy machine makes of it


@pytest.fixture
def receiver() -> Iterator[FakeReceiver]:
    with FakeReceiver() as running:
        yield running


@pytest.fixture(autouse=True)
def no_sender_outlives(tmp_path: Path) -> Iterator[None]:
    """Kill the senders that a test leaves behind."""
    yield
    for pid in senders(tmp_path):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def senders(folder: Path) -> list[int]:
    """The senders that run for journals in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (process / "cmdline").read_bytes()
            if b"otel_mmlog.sender_main" in command and bytes(folder) in command:
                found.append(int(process.name))
    return found


def segments(work_dir: Path) -> list[str]:
    """The names of the segments that are left."""
    return sorted(path.name for path in work_dir.glob("otlp/*/*.jsonl*"))


def wait_until(is_met: Callable[[], bool], timeout_s: float = 20.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not is_met():
        assert time.monotonic() < deadline_s, "it did not happen in time"
        time.sleep(0.02)


def close_line(output: str) -> str:
    """What a run says last about its delivery."""
    (line,) = [line for line in output.splitlines() if "Delivered: " in line]
    return line


@pytest.mark.parametrize("protocol", ["http/json", "http/protobuf", "grpc"])
def test_everything_arrives(
    tmp_path: Path,
    receiver: FakeReceiver,
    make_run: MakeRun,
    monkeypatch: pytest.MonkeyPatch,
    protocol: str,
) -> None:
    """Flush and close are True; points, lines and spans arrived once each, and no segment is left."""
    endpoint = receiver.grpc_endpoint if protocol == "grpc" else receiver.http_endpoint
    monkeypatch.setenv(ENDPOINT, endpoint)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
    monkeypatch.setenv("OTEL_MMLOG_CLOSE_TIMEOUT", "20")
    run = make_run(interval=5)
    train(run, 20)
    run.logger.info("behind the loop", answer=42)
    assert run.flush(20)
    assert [point.value for point in receiver.points("mmlog.train.loss")] == tags(tmp_path, "loss")
    assert run.close()
    assert segments(tmp_path) == []
    assert {request.protocol for request in receiver.requests} == {protocol}
    written = [line["event"] for line in json_lines(tmp_path / "tmp.jsonl")]
    assert [log.body for log in receiver.logs() if log.event_name != "mmlog.span.start"] == written
    assert sorted(span.name for span in receiver.spans()) == ["mmlog.epoch", "mmlog.run", "mmlog.train"]
    assert [point.flags for point in receiver.points("mmlog.train.loss")] == [0] * 4 + [1]
    assert "left" not in close_line("\n".join(written))


LEAVES = (
    """
import json, os, socket, threading
def open_files():
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[name] = os.readlink("/proc/self/fd/" + name)
        except OSError:
            pass
    return sorted(found.values())
def running_children():
    pids = open(f"/proc/self/task/{os.getpid()}/children").read().split()
    return [pid for pid in pids if open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0] != "Z"]
import otel_mmlog
before = open_files()
"""
    + BEGIN
    + """
for value in run.train(range(20)):
    run.log(loss=float(value))
flushed = run.flush(float(sys.argv[2]))
said = {"during": open_files(), "flushed": flushed, "children": len(running_children())}
began = time.monotonic()
said |= {"closed": run.close(), "close_s": time.monotonic() - began}
deadline = time.monotonic() + 10
while running_children() and time.monotonic() < deadline:
    time.sleep(0.05)
said |= {"before": before, "after": open_files(), "threads": threading.active_count()}
print("said", json.dumps(said | {"left": running_children()}))
"""
)


def leave(tmp_path: Path, endpoint: str, flush_s: float) -> tuple[dict[str, Any], str]:
    """Train, flush and close in another process: what it says of itself, and all that it printed."""
    done = run_python(LEAVES, tmp_path, flush_s, env={ENDPOINT: endpoint, "OTEL_MMLOG_LINGER": "0.5"})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.rpartition("\nsaid ")[2]), done.stdout


def test_training_process_has_no_socket(tmp_path: Path, receiver: FakeReceiver) -> None:
    """The network is the child's alone: no socket while it delivers, and after close nothing of it is left."""
    said, output = leave(tmp_path, receiver.http_endpoint, 20)
    assert said["flushed"]
    assert said["closed"]
    assert said["children"] == 1
    assert not [name for name in said["during"] if name.startswith("socket:")]
    assert said["after"] == said["before"]
    assert (said["threads"], said["left"]) == (1, [])
    assert "left" not in close_line(output)


@pytest.mark.parametrize("kind", ["dead", "silent", "broken"])
def test_end_with_a_failing_endpoint(tmp_path: Path, receiver: FakeReceiver, kind: str) -> None:
    """Close keeps its time and says False, what is left and how to send it; afterwards nothing of it is open."""
    if kind != "dead":
        receiver.answer(503 if kind == "broken" else 200, times=None, delay_s=60 if kind == "silent" else 0)
    said, output = leave(tmp_path, REFUSES if kind == "dead" else receiver.http_endpoint, 0.2)
    assert not said["flushed"]
    assert not said["closed"]
    assert said["close_s"] < CLOSE_S
    assert not [name for name in said["during"] if name.startswith("socket:")]
    assert said["after"] == said["before"]
    assert (said["threads"], said["left"]) == (1, [])
    assert f"otel-mmlog send {tmp_path / 'otlp' / 'rank0000'}" in close_line(output)
    assert " bytes left" in close_line(output)
    assert segments(tmp_path)


def test_end_without_time_says_that_something_is_left(
    tmp_path: Path,
    receiver: FakeReceiver,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """What the sender told before the last lines came is not what close says."""
    monkeypatch.setenv(ENDPOINT, receiver.http_endpoint)
    monkeypatch.setenv("OTEL_MMLOG_CLOSE_TIMEOUT", "0")
    run = otel_mmlog.init("tmp", work_dir=tmp_path)
    run.logger.info("one")
    assert run.flush()
    receiver.answer(503, times=None)
    run.logger.info("two")
    assert not run.close()
    line = close_line(capfd.readouterr().out)
    assert " left" in line
    assert f"otel-mmlog send {tmp_path / 'otlp' / 'rank0000'}" in line


def test_captured_output_ends_with_the_job(tmp_path: Path) -> None:
    """Whoever reads the job's output sees its end when the job ends, though the sender goes on."""
    source = BEGIN + "run.log(loss=1.0)\nrun.close()"
    settings = {ENDPOINT: REFUSES, "OTEL_MMLOG_LINGER": "60", "OTEL_MMLOG_CLOSE_TIMEOUT": "0.5"}
    process = start_python(source, tmp_path, env=settings)
    try:
        process.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        pytest.fail("the job's output does not end")
    assert process.returncode == 0
    assert len(senders(tmp_path)) == 1


def test_sender_ends_after_the_linger_time(
    tmp_path: Path, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a dead endpoint the sender goes on for the linger time, and ends."""
    monkeypatch.setenv(ENDPOINT, REFUSES)
    monkeypatch.setenv("OTEL_MMLOG_CLOSE_TIMEOUT", "0")
    monkeypatch.setenv("OTEL_MMLOG_LINGER", "1.5")
    run = make_run()
    train(run)
    wait_until(lambda: len(senders(tmp_path)) == 1)
    assert not run.close()
    assert len(senders(tmp_path)) == 1
    wait_until(lambda: not senders(tmp_path), 10)
    assert segments(tmp_path)


def test_what_was_left_goes_with_the_next_attempt(
    tmp_path: Path, receiver: FakeReceiver, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that is resumed delivers what the attempt before it could not; no time to linger costs nothing."""
    monkeypatch.setenv(ENDPOINT, REFUSES)
    monkeypatch.setenv("OTEL_MMLOG_CLOSE_TIMEOUT", "0")
    monkeypatch.setenv("OTEL_MMLOG_LINGER", "0")
    first = make_run(interval=5)
    train(first)
    assert not first.close()
    wait_until(lambda: not senders(tmp_path))
    monkeypatch.setenv(ENDPOINT, receiver.http_endpoint)
    monkeypatch.setenv("OTEL_MMLOG_CLOSE_TIMEOUT", "20")
    assert make_run(resume=True).close()
    losses = receiver.points("mmlog.train.loss")
    assert [point.value for point in losses if not point.flags] == tags(tmp_path, "loss") != []
    assert segments(tmp_path) == []


YESTERDAY = (
    """
import time
real = time.time_ns
time.time_ns = lambda: real() - 86_400 * 10**9
"""
    + BEGIN
    + "run.logger.info('old')\nrun.close()"
)


def test_being_behind(
    tmp_path: Path, receiver: FakeReceiver, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than a minute behind is one WARNING; lag and backlog are gauges, every ten seconds."""
    assert run_python(YESTERDAY, tmp_path).returncode == 0
    receiver.answer(503, times=None, message="the queue is full")
    monkeypatch.setenv(ENDPOINT, receiver.http_endpoint)
    monkeypatch.setenv("OTEL_MMLOG_CLOSE_TIMEOUT", "20")
    run = make_run(interval=1, resume=True)
    end_s = time.monotonic() + 11.5
    for _ in run.train(iter(lambda: time.monotonic() < end_s, False)):
        run.log(loss=1.0)
        time.sleep(0.2)
    receiver.accept()
    assert run.close()
    (lag,) = receiver.points("mmlog.delivery.lag")[:1]
    (backlog,) = receiver.points("mmlog.delivery.backlog")[:1]
    assert (lag.unit, backlog.unit) == ("s", "By")
    assert lag.value is not None
    assert 86_400 < lag.value < 86_500
    assert backlog.value is not None
    assert backlog.value > 1000
    (warning,) = [line["event"] for line in json_lines(tmp_path / "tmp.jsonl") if line["level"] == "WARNING"]
    assert "s behind" in warning


SECRET = "hunter2"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        (ENDPOINT, f"htp://user:{SECRET}@collector:4318"),
        (ENDPOINT, f"http://user:{SECRET}@collector:43180000"),
        (ENDPOINT, f"http://:4318/{SECRET} x"),
        ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", f"user:{SECRET}@collector:4318"),
        ("OTEL_EXPORTER_OTLP_HEADERS", f"authorization {SECRET}"),
        ("OTEL_EXPORTER_OTLP_HEADERS", f"authorization={SECRET}\r\nX: y"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", SECRET),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "nowhere/ca.pem"),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "nowhere/key.pem"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/xml"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "-1"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zip"),
        ("OTEL_MMLOG_CLOSE_TIMEOUT", "never"),
        ("OTEL_MMLOG_LINGER", "-1"),
    ],
)
def test_wrong_variables_are_told_at_init(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    """A variable that cannot be used is an error that names it and hides secrets; nothing was begun."""
    monkeypatch.setenv(ENDPOINT, "https://collector:4318")
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError, match=variable) as raised:
        otel_mmlog.init("tmp", work_dir=tmp_path / "run", console=False)
    text = "".join(str(error) for error in (raised.value, raised.value.__cause__, raised.value.__context__))
    if raised.value.__suppress_context__:
        text = f"{raised.value}{raised.value.__cause__}"
    assert SECRET not in text
    assert not (tmp_path / "run").exists()
    assert senders(tmp_path) == []


def test_signal_without_endpoint_is_not_journalled(
    tmp_path: Path, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an endpoint for metrics alone, logs and traces stay out of the journal, and in the text files."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", f"{REFUSES}/v1/metrics")
    monkeypatch.setenv("OTEL_MMLOG_CLOSE_TIMEOUT", "0")
    monkeypatch.setenv("OTEL_MMLOG_LINGER", "0")
    run = make_run()
    train(run)
    run.close()
    journals = read_journals(tmp_path)
    assert "mmlog.train.loss" in {point.name for point in journals.points}
    assert (list(journals.logs), list(journals.spans)) == ([], [])
    assert tags(tmp_path, "loss") != []


def test_metrics_endpoint_is_taken_as_it_is(
    tmp_path: Path, receiver: FakeReceiver, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal's own endpoint gets no path of ours; the general one does."""
    monkeypatch.setenv(ENDPOINT, f"{receiver.http_endpoint}/general/")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", f"{receiver.http_endpoint}/own/v1/metrics")
    run = make_run()
    train(run)
    assert run.flush(20)
    paths = {request.path for request in receiver.requests}
    assert paths == {"/own/v1/metrics", "/general/v1/logs", "/general/v1/traces"}
    run.close()


def test_disabled_sdk_sends_nothing(
    tmp_path: Path, receiver: FakeReceiver, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OTEL_SDK_DISABLED: no child, no request, and the files as ever."""
    monkeypatch.setenv(ENDPOINT, receiver.http_endpoint)
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    run = make_run()
    train(run)
    assert senders(tmp_path) == []
    assert run.flush(1)
    assert run.close()
    assert receiver.requests == []
    assert segments(tmp_path) == []
    assert tags(tmp_path, "loss") != []
