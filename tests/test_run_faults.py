"""How a training process ends, and what is on disk afterwards."""

import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.journals import events, json_lines, read_journals, records, text_lines
from tests.processes import BEGIN, TIMEOUT_S, run_python, start_python

LOOP = (
    BEGIN
    + """
with run:
    for value in run.train(iter(range(10**9)) if {endless} else range(3)):
        run.log(loss=float(value))
        if value == 1:
            {end}
"""
)


def printed(done: "subprocess.CompletedProcess[str]") -> list[str]:
    """The lines on the console, without their time."""
    return [line[14:] for line in done.stdout.splitlines()]


def written(work_dir: Path) -> list[str]:
    """The lines of the text file, without their time and without tracebacks."""
    return [line[19:] for line in text_lines(work_dir / "tmp.log") if not line.startswith("    | ")]


@pytest.mark.parametrize("with_statement", [True, False])
def test_uncaught_exception(tmp_path: Path, with_statement: bool) -> None:
    """It is in text, JSON and journal, ends the run's span with an error, and is on standard error once."""
    source = LOOP.format(endless=False, end="fail()")
    source = source.replace("import otel_mmlog", "import otel_mmlog\ndef fail():\n    raise KeyError('boom')")
    if not with_statement:
        source = source.replace("with run:", "if True:")
    done = run_python(source, tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("Traceback (most recent call last)") == 1
    assert done.stderr.rstrip().endswith("KeyError: 'boom'")
    assert "boom" not in done.stdout
    assert [record["tags"]["loss"] for record in records(tmp_path)] == [0.0, 0.5]
    (error,) = [line for line in events(tmp_path) if line["level"] == "ERROR"]
    assert (error["exception"]["type"], error["exception"]["message"]) == ("KeyError", "'boom'")
    assert "    | KeyError: 'boom'" in text_lines(tmp_path / "tmp.log")
    journals = read_journals(tmp_path)
    (log,) = [log for log in journals.logs if "exception.type" in log.attributes]
    assert log.attributes["exception.type"] == "KeyError"
    assert log.attributes["code.function.name"] == "fail"
    assert "KeyError: 'boom'" in log.attributes["exception.stacktrace"]
    (run_span,) = [span for span in journals.spans if span.name == "mmlog.run"]
    assert run_span.status == 2
    assert any(point.flags for point in journals.points)


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("sys.exit(3)", 3),
        ("sys.exit(0)", 0),
        ("sys.exit()", 0),
        ("os.kill(os.getpid(), signal.SIGINT); time.sleep(10)", -signal.SIGINT),
    ],
)
@pytest.mark.parametrize("with_statement", [True, False])
def test_exit_codes_stay_pythons(tmp_path: Path, end: str, code: int, with_statement: bool) -> None:
    """``sys.exit`` and Ctrl-C keep their exit codes; the last record is there, the journal is sealed."""
    source = LOOP.format(endless=False, end=end)
    if not with_statement:
        source = source.replace("with run:", "if True:")
    done = run_python(source, tmp_path)
    assert done.returncode == code
    assert [record["tags"]["loss"] for record in records(tmp_path)] == [0.0, 0.5]
    assert json_lines(tmp_path / "tmp.jsonl")[-1]["event"].startswith("Journal: ")
    assert [path.suffix for path in (tmp_path / "otlp" / "rank0000").iterdir()] == [".jsonl"]
    (run_span,) = [span for span in read_journals(tmp_path).spans if span.name == "mmlog.run"]
    assert run_span.status == (2 if code == -signal.SIGINT or (code and with_statement) else 0)


@pytest.mark.parametrize("attempt", range(5))
def test_sigkill_loses_no_printed_line(tmp_path: Path, attempt: int) -> None:
    """Killed at any moment: what was printed is in the text file, in JSON and in the journal."""
    process = start_python(LOOP.format(endless=True, end="pass"), tmp_path)
    assert process.stdout is not None
    seen = [process.stdout.readline() for _ in range(3)]
    time.sleep(random.Random(attempt).uniform(0.0, 0.15))
    process.kill()
    seen += process.stdout.readlines()
    process.communicate(timeout=TIMEOUT_S)
    shown = [line.rstrip("\n")[14:] for line in seen if line.endswith("\n")]
    assert shown
    text = [line[19:] for line in (tmp_path / "tmp.log").read_text().split("\n")[:-1]]
    assert text[: len(shown)] == shown
    lines = json_lines(tmp_path / "tmp.jsonl")
    assert len(lines) >= len(text) >= len(shown)
    journals = read_journals(tmp_path)
    bodies = [log.body for log in journals.logs if log.event_name != "mmlog.span.start"]
    assert bodies[: len(lines)] == [line["event"] for line in lines]
    losses = [point.value for point in journals.points if point.name == "mmlog.train.loss"]
    assert len(losses) >= len(shown) - 1


def test_attempt_after_a_kill(tmp_path: Path) -> None:
    """The next attempt appends behind the killed one's lines and ends its open spans in its place."""
    source = LOOP.format(endless=False, end="os.kill(os.getpid(), signal.SIGKILL)")
    assert run_python(source, tmp_path).returncode == -signal.SIGKILL
    again = source.replace("interval=1", "interval=1, resume=True").replace(
        "os.kill(os.getpid(), signal.SIGKILL)", "pass"
    )
    done = run_python(again, tmp_path)
    assert done.returncode == 0, done.stderr
    lines = json_lines(tmp_path / "tmp.jsonl")
    assert len({line["run_id"] for line in lines}) == 1
    assert Counter(line["attempt"] for line in lines if "tags" in line) == {0: 1, 1: 3}
    spans = read_journals(tmp_path).spans
    ended = {span.name for span in spans if span.attributes.get("mmlog.span.synthesized")}
    assert ended == {"mmlog.run", "mmlog.train"}
    assert len(spans) == 4


def test_os_exit_keeps_what_was_logged(tmp_path: Path) -> None:
    """Even ``os._exit`` loses nothing that was logged."""
    done = run_python(LOOP.format(endless=False, end="os._exit(7)"), tmp_path)
    assert done.returncode == 7
    assert printed(done) == written(tmp_path)


def test_unwritable_work_dir(tmp_path: Path) -> None:
    """A file in place of the work_dir: exactly one WARNING, and training ends well."""
    (tmp_path / "file").write_text("mine")
    done = run_python(LOOP.format(endless=False, end="pass"), tmp_path / "file")
    assert done.returncode == 0, done.stderr
    lines = printed(done)
    assert len([line for line in lines if "WARNING" in line]) == 1
    assert len([line for line in lines if "Epoch(train)" in line]) == 3
    assert done.stderr == ""


FULL_DISK = (
    BEGIN
    + """
import resource
with run:
    for value in run.train(range(200)):
        if value == 5:
            resource.setrlimit(resource.RLIMIT_FSIZE, (6000, resource.RLIM_INFINITY))
        if value == 100:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        run.log(loss=float(value))
"""
)


def test_full_disk(tmp_path: Path) -> None:
    """Writes that fail cost themselves, are told, and a line cut short costs itself; later lines are whole."""
    done = run_python(FULL_DISK, tmp_path)
    assert done.returncode == 0, done.stderr
    assert len([line for line in printed(done) if "Epoch(train)" in line]) == 200
    told = [line for line in printed(done) if "WARNING" in line]
    assert any("file failed (OSError" in line for line in told)
    assert len(told) < 20
    lines = (tmp_path / "tmp.jsonl").read_text().split("\n")
    assert lines[-2].startswith('{"ts"')
    assert sum(not line.startswith('{"ts"') or not line.endswith("}") for line in lines[:-1]) <= 2
    assert any('"iter": 200' in line for line in lines)


def test_stdout_of_a_pipe_that_is_gone(tmp_path: Path) -> None:
    """A reader that goes away (``| head``) costs the console, not training."""
    source = LOOP.format(endless=False, end="time.sleep(0.3)")
    process = start_python(source, tmp_path)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    process.wait(TIMEOUT_S)
    assert process.stderr is not None
    process.stderr.close()
    assert [record["iter"] for record in records(tmp_path)] == [1, 2, 3]


SIGNAL_HANDLER = (
    BEGIN.replace("interval=1", "console=False")
    + """
handled = 0
def handle(*_):
    global handled
    handled += 1
    run.logger.info(f"signal {handled}")
signal.signal(signal.SIGALRM, handle)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.0007)
number = 0
while handled < 200:
    run.logger.info(f"line {number}", pad="x" * 100)
    number += 1
signal.setitimer(signal.ITIMER_REAL, 0)
run.close()
print(handled, number)
"""
)


def test_signal_handler_that_logs(tmp_path: Path) -> None:
    """A handler that logs in the middle of a log call tears no line, loses none and never hangs."""
    done = run_python(SIGNAL_HANDLER, tmp_path)
    assert done.returncode == 0, done.stderr
    handled, number = map(int, done.stdout.split())
    expected = {f"signal {n + 1}" for n in range(handled)} | {f"line {n}" for n in range(number)}
    found = [line["event"] for line in events(tmp_path)]
    assert len(found) == len(expected)
    assert set(found) == expected
    assert all(" - mmengine - INFO - " in line for line in text_lines(tmp_path / "tmp.log"))
    journals = read_journals(tmp_path)
    assert expected <= {log.body for log in journals.logs}
