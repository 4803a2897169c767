"""Deaths that the kernel decides on: the first process of a container ends, and memory runs out."""

import contextlib
import errno
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from otel_mmlog.testing import FakeReceiver
from tests.end_to_end.servers import wait_until
from tests.faults.death.containers import CONTAINER, why_no_container
from tests.faults.death.trainings import items
from tests.faults.fault import Context, Fault, named
from tests.faults.ledger import SIGNALS, balance, carried_again, on_disk, taken
from tests.faults.outcome import Outcome, Sums, conserved, unless
from tests.faults.training import ENDPOINT, send, sender_pids, started, wait_for_senders
from tests.journals import records
from tests.processes import BEGIN, environment, python_command

LINGER = {"OTEL_MMLOG_LINGER": "60"}
MEMORY_BYTES = 300_000_000
CGROUPS = {Path("/sys/fs/cgroup/memory"): "memory.limit_in_bytes", Path("/sys/fs/cgroup"): "memory.max"}
"""Where control groups are, of version 1 and 2, and the file that limits the memory of one."""

GREEDY = (
    BEGIN
    + """
blocks = []
for step in run.train(iter(range(10**9))):
    run.log(loss=float(step))
    if step > 100:
        blocks.append(b"x" * 2_000_000)
    time.sleep(0.002)
"""
)


def container_ends(context: Context) -> Outcome:
    """The first process of a container closes its run and ends, so that its sender is killed in the middle of it."""
    if why := why_no_container():
        return Outcome(note=why)
    work_dir = context.folder / "run"
    variables = {**LINGER, "OTEL_MMLOG_CLOSE_TIMEOUT": str(context.close_timeout_s)}
    with FakeReceiver() as receiver:
        receiver.answer(503, times=None, signal="logs")
        with started(work_dir, {ENDPOINT: receiver.http_endpoint, **variables}, prefix=CONTAINER) as training:
            training.train(200)
            training.flush(1.5)  # the cursor is written each second
            known = sum(map(len, taken(receiver).values()))
            training.train(200)
            closed = training.close()
        wrong = unless(wait_until(lambda: not sender_pids(work_dir), 2), "its sender lived on")
        had = {signal: len(items) for signal, items in taken(receiver).items()}
        left = {signal: len(items) for signal, items in on_disk(training.journals).items()}
        for each in ("metrics", "traces"):
            wrong += unless(had[each] == closed.produced[each], f"close had time for {had[each]} {each} only")
        wrong += unless(
            left["logs"] >= closed.produced["logs"], f"the journal has {left['logs']} log records only"
        )
        receiver.accept()
        sent = send(work_dir, receiver.http_endpoint)
        wrong += unless(sent.returncode == 0, f"sending the rest failed: {sent.stdout[-300:]}")
        sums, unbalanced = balance(closed, taken(receiver), on_disk(training.journals))
        again = carried_again(receiver)
    newer = sum(had.values()) - known
    wrong += unless(sums.repeated <= newer, f"{sums.repeated} items came twice, of {newer} that may have")
    wrong += unless(not sums.in_journal, f"{sums.in_journal} items were left in the journal")
    wrong += unless(
        max(again[each] for each in SIGNALS) <= 1, f"requests that repeat something: {dict(again)}"
    )
    return Outcome(sums, close_s=closed.close_s, wrong=[*wrong, *unbalanced])


def out_of_memory(context: Context, *, sender_first: bool = False) -> Outcome:
    """The kernel kills in a group whose memory is used up: the training, or its sender before it.

    Args:
        context: How.
        sender_first: Whether the kernel is told to prefer the sender.
    """
    work_dir = context.folder / "run"
    with contextlib.ExitStack() as stack:
        try:
            group = stack.enter_context(memory_group(MEMORY_BYTES))
        except OSError as error:
            return Outcome(note=f"not made: no memory cgroup can be made here: {error.strerror}")
        receiver = stack.enter_context(FakeReceiver())
        receiver.answer(503, times=None)  # so that a sender that lives does not finish
        process = stack.enter_context(greedy(group, work_dir, receiver.http_endpoint))
        wrong = unless(wait_until(lambda: bool(sender_pids(work_dir)), 20), "no sender was started")
        (first,) = sender_pids(work_dir)
        if sender_first:
            Path(f"/proc/{first}/oom_score_adj").write_text("1000")
        code = process.wait(60)
        wrong += unless(code == -signal.SIGKILL, f"the training ended with {code}")
        lives = first in sender_pids(work_dir)
        wrong += unless(lives != sender_first, f"the sender {'lives' if lives else 'was killed'}")
        receiver.accept()
        wait_for_senders(work_dir, 70)
        if sender_first:
            sent = send(work_dir, receiver.http_endpoint)
            wrong += unless(sent.returncode == 0, f"sending the rest failed: {sent.stdout[-300:]}")
        logged = {("oom", int(each["iter"])) for each in records(work_dir)}
        sums = Sums(len(logged), delivered=len(logged & items(receiver.logs(), receiver.points()).keys()))
        left = list(work_dir.glob("otlp/rank*/*.jsonl*"))
        wrong += unless(not left, f"the journal still has {len(left)} segments")
    return Outcome(sums, wrong=[*wrong, *conserved(sums)])


@contextmanager
def greedy(group: Path, work_dir: Path, endpoint: str) -> "Iterator[subprocess.Popen[bytes]]":
    """A training in a control group that takes more and more memory; at the end it and its senders are killed."""
    join = f'echo $$ > {group / "cgroup.procs"} && exec "$@"'
    process = subprocess.Popen(
        ["sh", "-c", join, "sh", *python_command(GREEDY, work_dir)],
        env=environment({**LINGER, ENDPOINT: endpoint, "OTEL_MMLOG_RUN_ID": "oom"}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(20)
        for pid in sender_pids(work_dir):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@contextmanager
def memory_group(limit_bytes: int) -> Iterator[Path]:
    """A control group of its own whose processes get so much memory together.

    Raises:
        OSError: This system does not let us make one.
    """
    for root, limit in CGROUPS.items():
        group = root / f"mmlog-faults-{os.getpid()}"
        if not (root / "cgroup.procs").exists():
            continue
        group.mkdir()
        try:
            if (group / limit).exists():
                (group / limit).write_text(str(limit_bytes))
                yield group
                return
        finally:
            wait_until(lambda group=group: _is_removed(group), 20)  # type: ignore[misc]
    raise OSError(errno.ENOENT, "there is no group that limits memory")


def _is_removed(group: Path) -> bool:
    """Whether a group could be removed: its processes have to be gone."""
    try:
        group.rmdir()
    except OSError:
        return False
    return True


FAULTS: Sequence[Fault] = named(
    "death",
    [
        Fault("container-ends", container_ends),
        Fault("out-of-memory", out_of_memory),
        Fault("out-of-memory-sender", partial(out_of_memory, sender_first=True)),
    ],
)
