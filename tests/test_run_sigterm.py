"""SIGTERM: the run is closed whatever it interrupts, and the process dies of the signal."""

import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.conftest import MakeRun
from tests.journals import events, json_lines, read_journals, records
from tests.processes import BEGIN, environment, python_command, run_python
from tests.test_run_faults import LOOP, printed, written

TERMINATE = "os.kill(os.getpid(), signal.SIGTERM); time.sleep(10)"


def test_sigterm(tmp_path: Path) -> None:
    """SIGTERM leaves the last partial interval, an error on every open span and sealed files; the code stays."""
    source = LOOP.replace("with run:", "for _ in run.epochs(1):").format(endless=False, end=TERMINATE)
    done = run_python(source.replace("interval=1", "interval=10"), tmp_path)
    assert done.returncode == -signal.SIGTERM, done.stderr
    assert done.stderr == ""
    assert printed(done) == written(tmp_path)
    (record,) = records(tmp_path)
    assert (record["iter"], record["tags"]["loss"]) == (2, 0.5)
    assert [line["level"] for line in events(tmp_path) if "SIGTERM" in line["event"]] == ["WARNING"]
    assert [path.suffix for path in (tmp_path / "otlp" / "rank0000").iterdir()] == [".jsonl"]
    journals = read_journals(tmp_path)
    assert {span.name: span.status for span in journals.spans} == {
        "mmlog.run": 2,
        "mmlog.train": 2,
        "mmlog.epoch": 2,
    }
    assert any(point.flags for point in journals.points)


STRUCK = (
    BEGIN.replace("interval=1", "interval=10**9")
    + """
signal.setitimer(signal.ITIMER_REAL, float(sys.argv[2]))
signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
for value in run.train(iter(range(10**9))):
    run.log(loss=float(value))
    run.logger.info(f"line {value}", pad="x" * 2000)
"""
)


@pytest.mark.parametrize("attempt", range(6))
def test_sigterm_in_the_middle_of_a_call(tmp_path: Path, attempt: int) -> None:
    """It never hangs, and tears or loses nothing, also where it interrupts a log call of our own."""
    done = run_python(STRUCK, tmp_path, random.Random(attempt).uniform(0.05, 0.2))
    assert done.returncode == -signal.SIGTERM, done.stderr
    (record,) = records(tmp_path)
    lines = [line["event"] for line in events(tmp_path) if line["event"].startswith("line ")]
    assert lines == [f"line {number}" for number in range(len(lines))]
    assert record["iter"] - len(lines) in (0, 1)
    assert printed(done) == written(tmp_path)
    journals = read_journals(tmp_path)
    assert not journals.unreadable_lines
    bodies = [log.body for log in journals.logs if log.event_name != "mmlog.span.start"]
    assert bodies == [line["event"] for line in json_lines(tmp_path / "tmp.jsonl")]
    assert {span.status for span in journals.spans} == {2}


def test_sigterm_while_the_loader_waits(tmp_path: Path) -> None:
    """A loader that hangs holds the end up for a moment only."""
    source = """
def loader():
    yield 0
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(30)
for value in run.train(loader()):
    run.log(loss=1.0)
"""
    started_s = time.monotonic()
    done = run_python(BEGIN.replace("interval=1", "interval=10") + source, tmp_path)
    assert done.returncode == -signal.SIGTERM, done.stderr
    assert time.monotonic() - started_s < 20
    assert len(records(tmp_path)) == 1


HANDLERS = """
import os, signal, sys, time
import otel_mmlog
mine = lambda *_: print("mine", flush=True)
before, after = sys.argv[2] == "before", sys.argv[2] == "after"
if before:
    signal.signal(signal.SIGTERM, mine)
run = otel_mmlog.init("tmp", work_dir=sys.argv[1], console=False)
if after:
    signal.signal(signal.SIGTERM, mine)
os.kill(os.getpid(), signal.SIGTERM)
run.close()
assert signal.getsignal(signal.SIGTERM) is mine
os.kill(os.getpid(), signal.SIGTERM)
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_sigterm_handler_of_the_user(tmp_path: Path, when: str) -> None:
    """A handler that the user has set, before or during the run, is called and stays."""
    done = run_python(HANDLERS, tmp_path, when)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "mine\nmine\n"


def test_sigterm_is_given_back(make_run: MakeRun) -> None:
    """While a run is open SIGTERM is handled; after it the process is as it was."""
    with make_run():
        assert callable(signal.getsignal(signal.SIGTERM))
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


TERMINATED_CHILD = (
    BEGIN
    + """
pid = os.fork()
if pid == 0:
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    signal.pause()
time.sleep(0.2)
os.kill(pid, signal.SIGTERM)
assert os.waitpid(pid, 0)[1] == signal.SIGTERM
assert not run.closed
run.close()
"""
)


def test_sigterm_of_a_forked_child(tmp_path: Path) -> None:
    """A forked child dies of SIGTERM at once and writes nothing; the parent's run goes on."""
    done = run_python(TERMINATED_CHILD, tmp_path)
    assert done.returncode == 0, done.stderr
    assert events(tmp_path) == []
    assert [span.status for span in read_journals(tmp_path).spans] == [0]


FIRST_OF_A_CONTAINER = (
    BEGIN
    + """
assert os.getpid() == 1
for value in run.train(range(3)):
    run.log(loss=float(value))
    os.kill(1, signal.SIGTERM)
assert not run.closed
run.close()
"""
)


def test_sigterm_of_the_first_process_of_a_container(tmp_path: Path) -> None:
    """SIGTERM does not end it, as without us, and so it does not end its run."""
    container = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child"]
    if subprocess.run([*container, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this system does not let us make a pid namespace")
    command = [*container, *python_command(FIRST_OF_A_CONTAINER, tmp_path)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert [record["iter"] for record in records(tmp_path)] == [1, 2, 3]
