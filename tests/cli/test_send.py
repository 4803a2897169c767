"""``otel-mmlog send``: what arrives, what it prints, and what its exit code says."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import otel_mmlog
from otel_mmlog.sender.reader import JournalReader
from otel_mmlog.testing import FakeReceiver, Reply, Request
from tests.cli.conftest import Cli, MakeJournal
from tests.journals import read_journals
from tests.processes import BEGIN, environment, run_python

DEAD = "http://127.0.0.1:9"


def rows(stdout: str) -> dict[str, list[int]]:
    """The numbers of the summary: sent, rejected, quarantined, left, by signal."""
    found = re.findall(r"^(metrics|logs|traces) +([\d,]+) +([\d,]+) +([\d,]+) +([\d,]+)$", stdout, re.M)
    return {signal: [int(cell.replace(",", "")) for cell in cells] for signal, *cells in found}


def refuse_unlucky(request: Request) -> Reply | None:
    """A server that takes everything but one word."""
    return Reply(400, message="too unlucky") if b"unlucky" in request.body else None


def start(*arguments: object) -> "subprocess.Popen[str]":
    """The command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "otel_mmlog", "send", *map(str, arguments)],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def until(is_met: Callable[[], bool], timeout_s: float = 15.0) -> None:
    """Wait for something; fails if it does not come."""
    deadline_s = time.monotonic() + timeout_s
    while not is_met():
        assert time.monotonic() < deadline_s, "it did not happen in time"
        time.sleep(0.02)


def test_everything_is_sent(cli: Cli, make_journal: MakeJournal, receiver: FakeReceiver) -> None:
    """What is on disk arrives, the numbers say so, the segments go, and the code is 0."""
    work_dir = make_journal()
    on_disk = read_journals(work_dir, health=True)
    result = cli(work_dir, "--endpoint", receiver.http_endpoint)
    assert result.exit_code == 0, result.output
    assert len(receiver.points()) == len(on_disk.points)
    assert [point.value for point in receiver.points("mmlog.train.loss") if not point.flags] == [0.5, 0.375]
    assert rows(result.stdout) == {
        "metrics": [len(on_disk.points), 0, 0, 0],
        "logs": [len(on_disk.logs), 0, 0, 0],
        "traces": [len(on_disk.spans), 0, 0, 0],
    }
    assert not list(work_dir.rglob("otlp/*/*.jsonl*"))


def test_nothing_left_is_no_error(cli: Cli, make_journal: MakeJournal, receiver: FakeReceiver) -> None:
    """A journal with everything delivered, named by its rank's folder as a run names it, is code 0."""
    work_dir = make_journal()
    assert cli(work_dir, "--endpoint", receiver.http_endpoint).exit_code == 0
    again = cli(work_dir / "otlp" / "rank0000", "--endpoint", receiver.http_endpoint)
    assert again.exit_code == 0
    assert rows(again.stdout)["metrics"] == [0, 0, 0, 0]


def test_folder_above_many_runs(
    cli: Cli, make_journal: MakeJournal, receiver: FakeReceiver, tmp_path: Path
) -> None:
    """A folder above work_dirs stands for all of them, however deep they are."""
    make_journal("a", 1.0)
    make_journal("b/c/d", 2.0)
    assert cli(tmp_path, "--endpoint", receiver.http_endpoint).exit_code == 0
    losses = [point.value for point in receiver.points("mmlog.train.loss") if not point.flags]
    assert sorted(losses) == [1.0, 2.0]  # type: ignore[type-var]  # none of them is None


@pytest.mark.skipif(os.geteuid() != 0, reason="it takes root to give folders to somebody else")
def test_folders_of_others(cli: Cli, make_journal: MakeJournal, receiver: FakeReceiver) -> None:
    """A rank's folder of another user is named, and the code is 1; the others are sent."""
    work_dir = make_journal("run", 1.0)
    theirs = work_dir / "otlp/rank0001"
    theirs.mkdir()
    os.chown(theirs, 12345, 12345)
    (work_dir / "otlp/rank0002").symlink_to("nowhere")
    sent = cli(work_dir, "--endpoint", receiver.http_endpoint)
    assert sent.exit_code == 1
    assert sent.stderr.count("is left out") == sent.stderr.count(f"{theirs} is left out") == 1
    assert receiver.points("mmlog.train.loss")
    assert cli(work_dir, "--dry-run").exit_code == 1


def test_file_mode_that_makes_no_sense(
    cli: Cli, make_journal: MakeJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong file mode is an error of usage that names the variable."""
    work_dir = make_journal()
    monkeypatch.setenv("OTEL_MMLOG_FILE_MODE", "0777")
    sent = cli(work_dir, "--dry-run")
    assert sent.exit_code == 2
    assert "OTEL_MMLOG_FILE_MODE" in sent.stderr


def test_variables_say_where(
    cli: Cli, make_journal: MakeJournal, receiver: FakeReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without ``--endpoint`` the variables of the official exporters do; headers come from them in any case."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.http_endpoint)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Basic%20c2VjcmV0")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    result = cli(make_journal())
    assert result.exit_code == 0
    assert {request.protocol for request in receiver.requests} == {"http/protobuf"}
    assert {request.headers["authorization"] for request in receiver.requests} == {"Basic c2VjcmV0"}
    assert "c2VjcmV0" not in result.output


def test_command_line_wins(
    cli: Cli, make_journal: MakeJournal, receiver: FakeReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``--endpoint`` and ``--protocol`` win over every variable, also over malformed ones that they replace."""
    work_dir = make_journal()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "nonsense")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", DEAD)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "nonsense")
    result = cli(work_dir, "--endpoint", receiver.grpc_endpoint, "--protocol", "grpc")
    assert result.exit_code == 0, result.output
    assert {request.signal for request in receiver.requests} == {"metrics", "logs", "traces"}
    assert {request.protocol for request in receiver.requests} == {"grpc"}


def test_signal_without_endpoint_is_left(
    cli: Cli, make_journal: MakeJournal, receiver: FakeReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where only points have an endpoint, the rest is left, counted, and not code 0."""
    work_dir = make_journal()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", f"{receiver.http_endpoint}/v1/metrics")
    result = cli(work_dir)
    assert result.exit_code == 1
    assert rows(result.stdout)["metrics"][3] == 0
    assert rows(result.stdout)["logs"][3] > 0
    assert {request.signal for request in receiver.requests} == {"metrics"}


def test_run_of_one_signal_leaves_nothing(
    make_journal: MakeJournal, receiver: FakeReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run whose points alone have an endpoint journals nothing else, and its segments go once they are delivered."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", f"{receiver.http_endpoint}/v1/metrics")
    work_dir = make_journal()
    assert len(receiver.points("mmlog.train.loss")) > 1
    assert not list(work_dir.rglob("otlp/*/*.jsonl*"))
    assert "left" not in (work_dir / "run.log").read_text().splitlines()[-1]


def test_journal_of_a_killed_run(cli: Cli, tmp_path: Path, receiver: FakeReceiver) -> None:
    """The first call sends everything, with the ends of the spans that the killed process left open."""
    killed = (
        BEGIN + "for _ in run.train(range(3)):\n    run.log(loss=1)\nos.kill(os.getpid(), signal.SIGKILL)"
    )
    assert run_python(killed, tmp_path).returncode == -signal.SIGKILL
    sent = cli(tmp_path, "--endpoint", receiver.http_endpoint)
    assert sent.exit_code == 0, sent.stdout
    assert sorted(span.name for span in receiver.spans()) == ["mmlog.run", "mmlog.train"]
    assert not list(tmp_path.rglob("*.jsonl.part"))


def test_dead_endpoint(cli: Cli, make_journal: MakeJournal) -> None:
    """It gives up after its patience, says why and what is left, once for all signals, and loses nothing."""
    work_dir = make_journal()
    before = read_journals(work_dir, health=True)
    began_s = time.monotonic()
    result = cli(work_dir, "--endpoint", DEAD, "--patience", 1)
    assert time.monotonic() - began_s < 6
    assert result.exit_code == 1
    assert rows(result.stdout)["metrics"] == [0, 0, 0, len(before.points)]
    assert result.stdout.count("Connection refused") == 1
    assert "run this again" in result.stdout
    assert read_journals(work_dir, health=True) == before


def test_server_that_speaks_no_http(cli: Cli, make_journal: MakeJournal, receiver: FakeReceiver) -> None:
    """HTTP sent to a gRPC port is told as such, not as the bytes that came back."""
    receiver.answer(times=None, raw=b"\x00\x00\x06\x04\x00\x00\x00\x00\x00@\r\n\r\n")
    result = cli(make_journal(), "--endpoint", receiver.http_endpoint, "--patience", 0.5)
    assert result.exit_code == 1
    assert "not HTTP/1.1 (a gRPC server?)" in result.stdout


def test_dry_run_sends_nothing(cli: Cli, make_journal: MakeJournal, receiver: FakeReceiver) -> None:
    """It counts what is there and says where it would go; nothing is sent, nothing on disk changes."""
    work_dir = make_journal()
    on_disk = read_journals(work_dir, health=True)
    files = {path: path.read_bytes() for path in work_dir.rglob("*") if path.is_file()}
    result = cli(work_dir, "--endpoint", receiver.http_endpoint, "--dry-run")
    assert result.exit_code == 0
    assert f"{receiver.http_endpoint}/v1/logs" in result.stderr
    numbers = [len(on_disk.points), len(on_disk.logs), len(on_disk.spans)]
    assert result.stdout.splitlines()[1].split()[:3] == [str(number) for number in numbers]
    assert receiver.requests == []
    assert files == {path: path.read_bytes() for path in work_dir.rglob("*") if path.is_file()}


def test_dry_run_needs_no_endpoint(cli: Cli, make_journal: MakeJournal) -> None:
    """What waits can be counted before anybody knows where it will go."""
    result = cli(make_journal(), "--dry-run")
    assert result.exit_code == 0
    assert "points" in result.stdout
    assert "there is no endpoint" in result.stderr


def test_folder_of_a_running_sender(cli: Cli, make_journal: MakeJournal, receiver: FakeReceiver) -> None:
    """A folder that another sender holds is named and left to it."""
    work_dir = make_journal()
    holder = JournalReader(work_dir / "otlp" / "rank0000")
    assert holder.try_lock()
    try:
        result = cli(work_dir, "--endpoint", receiver.http_endpoint)
    finally:
        holder.close()
    assert result.exit_code == 1
    assert "is held by another sender" in result.stdout
    assert receiver.requests == []


def test_output_in_a_pipe(make_journal: MakeJournal, receiver: FakeReceiver) -> None:
    """Progress and endpoints go to stderr, the summary to stdout; neither has control characters."""
    process = start(make_journal(), "--endpoint", receiver.http_endpoint)
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 0
    assert stdout.splitlines()[0].split() == ["signal", "sent", "rejected", "quarantined", "left"]
    assert len(stdout.splitlines()) == 4
    assert all(" -> " in line for line in stderr.splitlines())
    assert "\x1b" not in stdout + stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_following_ends_well(
    number: signal.Signals, make_journal: MakeJournal, receiver: FakeReceiver, tmp_path: Path
) -> None:
    """It sends what a run writes meanwhile; Ctrl-C and SIGTERM end it with a summary and code 0."""
    work_dir = tmp_path / "live"
    with otel_mmlog.init("live", work_dir=work_dir, console=False) as run:
        process = start(work_dir, "--endpoint", receiver.http_endpoint, "--follow")
        run.logger.info("first")
        until(lambda: "first" in [log.body for log in receiver.logs()])
        run.logger.info("second")
        until(lambda: "second" in [log.body for log in receiver.logs()])
        time.sleep(0.5)
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=15)
    assert process.returncode == 0, stdout + stderr
    assert "Stopped" in stdout
    assert "Traceback" not in stderr


def test_interrupt_while_a_server_is_silent(make_journal: MakeJournal, receiver: FakeReceiver) -> None:
    """Ctrl-C does not wait for an answer; what was not acknowledged is left."""
    receiver.answer(200, times=None, delay_s=60)
    process = start(make_journal(), "--endpoint", receiver.http_endpoint)
    until(lambda: len(receiver.requests) == 3)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 1
    assert rows(stdout)["metrics"][0] == 0
    assert rows(stdout)["metrics"][3] > 0
    assert "Traceback" not in stderr


def test_quarantine(cli: Cli, make_journal: MakeJournal, receiver: FakeReceiver) -> None:
    """What a server refuses is set aside and code 1; it is shown with its reason, retried, and sent once taken."""

    receiver.answer_by(refuse_unlucky)
    work_dir = make_journal(texts=["unlucky", "lucky"])
    result = cli(work_dir, "--endpoint", receiver.http_endpoint)
    assert result.exit_code == 1
    assert rows(result.stdout)["logs"][2:] == [1, 0]
    assert "--quarantined" in result.stdout

    still = cli(work_dir, "--endpoint", receiver.http_endpoint, "--quarantined")
    assert still.exit_code == 1
    assert "too unlucky" in still.stdout
    assert "0 lines sent" in still.stdout

    with FakeReceiver() as willing:
        taken = cli(work_dir, "--endpoint", willing.http_endpoint, "--quarantined")
        assert taken.exit_code == 0
        assert [log.body for log in willing.logs()] == ["unlucky"]
    empty = cli(work_dir, "--endpoint", receiver.http_endpoint, "--quarantined")
    assert (empty.exit_code, empty.stdout) == (0, "Nothing is in quarantine.\n")


def test_quarantine_stays_without_a_server(
    cli: Cli, make_journal: MakeJournal, receiver: FakeReceiver
) -> None:
    """A server that is away changes nothing in quarantine, not even the reasons, and is not asked line by line."""

    receiver.answer_by(refuse_unlucky)
    work_dir = make_journal(texts=["unlucky 1", "lucky", "unlucky 2"])
    cli(work_dir, "--endpoint", receiver.http_endpoint)
    shown = cli(work_dir, "--quarantined", "--dry-run").stdout
    assert shown.count("too unlucky") == 1
    assert shown.splitlines()[1].split()[:2] == ["logs", "2"]
    with FakeReceiver() as broken:
        broken.answer(503, times=None)
        assert cli(work_dir, "--endpoint", broken.http_endpoint, "--quarantined").exit_code == 1
        assert len(broken.requests) == 1
    assert cli(work_dir, "--quarantined", "--dry-run").stdout == shown
