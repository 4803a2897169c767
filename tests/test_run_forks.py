"""Forked children: DataLoader workers, pools, and jobs beside each other."""

import os
import subprocess
from collections import Counter
from pathlib import Path

from tests.journals import events, json_lines, read_journals, records, text_lines
from tests.processes import BEGIN, TIMEOUT_S, environment, python_command, run_python

FORK = (
    BEGIN
    + """
import threading, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of forks beside threads
stop = threading.Event()
def background():
    while not stop.is_set():
        run.logger.info("thread", pad="t" * 200)
thread = threading.Thread(target=background)
thread.start()
children = []
for child in range(4):
    pid = os.fork()
    if pid == 0:
        for number in range(50):
            run.logger.info(f"child {child} {number}", pad="c" * 200)
            run.log(loss=1.0)
        os._exit(0)
    children.append(pid)
for pid in children:
    assert os.waitpid(pid, 0)[1] == 0
stop.set()
thread.join()
run.logger.info("parent")
run.close()
"""
)


def test_fork_while_a_thread_logs(tmp_path: Path) -> None:
    """Forked children never hang, tear no line and write nothing twice; their spans stay the parent's."""
    source = FORK.replace("interval=1", "interval=1, console=False")
    done = run_python(source, tmp_path)
    assert done.returncode == 0, done.stderr
    found = Counter(line["event"] for line in json_lines(tmp_path / "tmp.jsonl"))
    expected = {f"child {child} {number}": 1 for child in range(4) for number in range(50)}
    assert {event: count for event, count in found.items() if event.startswith("child")} == expected
    assert found["parent"] == 1
    whole = ("- mmengine - INFO - ", "- otel_mmlog - WARNING - run.log in a forked process")
    assert all(any(part in line for part in whole) for line in text_lines(tmp_path / "tmp.log"))
    journals = read_journals(tmp_path)
    assert not journals.unreadable_lines
    assert Counter(log.body for log in journals.logs if str(log.body).startswith("child")) == expected
    assert [span.name for span in journals.spans] == ["mmlog.run"]


LOADER_WORKERS = """
import sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of forks beside threads
import otel_mmlog
import torch
from torch.utils.data import DataLoader, Dataset

class Data(Dataset):
    def __len__(self):
        return 16
    def __getitem__(self, index):
        run.logger.info(f"item {index}")
        return torch.tensor(float(index))

if __name__ == "__main__":
    run = otel_mmlog.init("tmp", work_dir=sys.argv[1], interval=1)
    with run:
        for epoch in run.epochs(2):
            for batch in run.train(DataLoader(Data(), batch_size=4, num_workers=2, multiprocessing_context="fork")):
                run.log(loss=batch.mean())
"""


def test_loader_workers(tmp_path: Path) -> None:
    """What DataLoader workers log arrives whole and once; the run's own end is written by the run alone."""
    done = run_python(LOADER_WORKERS, tmp_path)
    assert done.returncode == 0, done.stderr
    found = Counter(line["event"] for line in events(tmp_path) if line["event"].startswith("item"))
    assert found == {f"item {index}": 2 for index in range(16)}
    assert len(records(tmp_path)) == 8
    ends = [line for line in json_lines(tmp_path / "tmp.jsonl") if line["event"].startswith("Wrote ")]
    assert len(ends) == 1
    journals = read_journals(tmp_path)
    assert Counter(log.body for log in journals.logs if str(log.body).startswith("item")) == found
    assert [
        path.suffix for path in (tmp_path / "otlp" / "rank0000").iterdir() if path.suffix == ".part"
    ] == []
    assert not journals.unreadable_lines


POOL = """
import logging, multiprocessing, sys
import otel_mmlog

def work(number):
    logging.getLogger("worker").info(f"item {number}")
    return number

if __name__ == "__main__":
    with otel_mmlog.init("tmp", work_dir=sys.argv[1], console=False) as run:
        with multiprocessing.get_context("fork").Pool(2) as pool:
            assert sum(pool.map(work, range(20))) == 190
            pool.close()
            pool.join()
        run.log(loss=1.0)
"""


def test_multiprocessing_pool(tmp_path: Path) -> None:
    """Workers of a pool log through the run that they were forked from."""
    done = run_python(POOL, tmp_path)
    assert done.returncode == 0, done.stderr
    items = [line["event"] for line in events(tmp_path) if line["logger"] == "worker"]
    assert sorted(items) == sorted(f"item {number}" for number in range(20))
    assert len(records(tmp_path)) == 1


CHILD_RUN = """
import os, sys
import otel_mmlog
parent = otel_mmlog.init("parent", work_dir=sys.argv[1] + "/parent", console=False)
pid = os.fork()
if pid == 0:
    with otel_mmlog.init("child", work_dir=sys.argv[1] + "/child", console=False) as run:
        run.logger.info("of the child")
        run.log(loss=1.0)
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
parent.logger.info("of the parent")
assert not parent.closed
parent.close()
"""


def test_child_with_a_run_of_its_own(tmp_path: Path) -> None:
    """A forked child may start its own run: nothing of it is in the parent's files, and the parent goes on."""
    done = run_python(CHILD_RUN, tmp_path)
    assert done.returncode == 0, done.stderr
    assert [line["event"] for line in events(tmp_path / "parent", "parent")] == ["of the parent"]
    assert not [line for line in events(tmp_path / "child", "child") if line["level"] != "INFO"]
    assert len(records(tmp_path / "child", "child")) == 1
    assert len({span.trace_id for span in read_journals(tmp_path / "parent").spans}) == 1


TWO_JOBS = """
import sys, time, otel_mmlog
with otel_mmlog.init("tmp", work_dir=sys.argv[1], distributed=True, interval=1, console=False) as run:
    print("ready", flush=True)
    sys.stdin.readline()
    for value in run.train(range(20)):
        run.log(loss=float(value))
    print(run.run_id, *run.files)
"""


def test_two_jobs_at_once_in_one_folder(tmp_path: Path) -> None:
    """Two jobs of two ranks, started at once with one name in one folder, mix nothing."""
    jobs = []
    for job in ("one", "two"):
        for rank in range(2):
            variables = {"RANK": str(rank), "WORLD_SIZE": "2", "OTEL_MMLOG_RUN_ID": job}
            jobs.append(
                subprocess.Popen(
                    python_command(TWO_JOBS, tmp_path),
                    env=environment(variables),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
    for process in jobs:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    ends = [process.communicate("\n", timeout=TIMEOUT_S)[0].split() for process in jobs]
    assert all(process.returncode == 0 for process in jobs)
    files = [name for end in ends for name in end[1:]]
    assert len(set(files)) == len(files) == 8
    for run_id, _, json_file in ends:
        lines = json_lines(Path(json_file))
        assert {line["run_id"] for line in lines} == {run_id}
        assert len([line for line in lines if "tags" in line]) == 20
    assert os.path.commonpath(files) == str(tmp_path)


LEFT_LOOP = (
    BEGIN.replace("interval=1", "interval=100")
    + """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of forks beside threads
for value in run.train(range(10)):
    run.log(loss=value)
    if value == 5:
        child = os.fork()
        if child == 0:
            run.log(loss=99.0)
            run.log(loss=99.0)
            sys.exit(0)
        assert os.waitpid(child, 0)[1] == 0
run.close()
"""
)


def test_fork_that_leaves_a_loop(tmp_path: Path) -> None:
    """A child that leaves its parent's loop makes no record and no point; lost scalars are one warning of its own."""
    done = run_python(LEFT_LOOP, tmp_path)
    assert done.returncode == 0, done.stderr
    found = json_lines(tmp_path / "tmp.jsonl")
    assert [line["iter"] for line in found if "tags" in line] == [10]
    (warning,) = [line for line in found if line["level"] == "WARNING"]
    assert "not kept" in warning["event"]
    assert warning["process.pid"] > 0
    points = read_journals(tmp_path).points
    loss = [point.value for point in points if point.name == "mmlog.train.loss" and not point.flags]
    assert loss == [4.5]


LATE_IMPORT = (
    BEGIN.replace("interval=1", "console=False, system_metrics=True")
    + """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of forks beside threads
time.sleep(0.3)  # the thread that measures has made its provider
assert "concurrent.futures.thread" not in sys.modules
import concurrent.futures.thread
child = os.fork()
if child == 0:
    with run.span("part"):
        run.logger.info("child", threads=len(os.listdir("/proc/self/task")))
    os._exit(0)
ended = (0, 0)
while ended == (0, 0) and time.monotonic() < started_s + 20:
    time.sleep(0.01)
    ended = os.waitpid(child, os.WNOHANG)
if ended == (0, 0):
    os.kill(child, signal.SIGKILL)
assert ended == (child, 0), ended
run.close()
"""
).replace("import os,", "import time; started_s = time.monotonic(); import os,")


def test_fork_after_a_late_import_of_pools(tmp_path: Path) -> None:
    """A child does not hang, starts no thread, and its spans are of the same process as its lines."""
    done = run_python(LATE_IMPORT, tmp_path)
    assert done.returncode == 0, done.stderr
    journals = read_journals(tmp_path)
    (line,) = [log for log in journals.logs if str(log.body).startswith("child")]
    (span,) = [span for span in journals.spans if span.name == "part"]
    assert line.attributes["threads"] == 1
    assert (span.status, span.resource) == (0, line.resource)
