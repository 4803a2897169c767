"""Who reads a run's files if the user says so, where names of any kind lead, and what is sent from shared folders."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from otel_mmlog.core.segments import segment_paths
from otel_mmlog.testing import FakeReceiver
from tests.faults.fault import Context, Fault, named
from tests.faults.outcome import Outcome, unless
from tests.faults.security.other_users import NEEDS_ROOT, OTHER, by_other, can_be_several, shared_folder
from tests.faults.training import ENDPOINT, send, started, wait_for_senders
from tests.processes import TIMEOUT_S, environment, run_python

_MODES = ("0600", "0640", "0644", "0660", "0664")
_UMASKS = ("077", "000", "022")
_RUN = "import sys, otel_mmlog; otel_mmlog.init('tmp', work_dir=sys.argv[1], layout='separate').close()"
_TELL = """
import sys, otel_mmlog
with otel_mmlog.init("tmp", work_dir=sys.argv[1]) as run:
    run.logger.info("the truth")
"""


def shared(context: Context) -> Outcome:
    """Each permitted mode holds for every file of run and sender, whatever the umask is; others are refused."""
    wrong: list[str] = []
    modes = context.pick(2, len(_MODES))
    for number, mode in enumerate(_MODES[-modes:]):
        work_dir = context.folder / mode
        umask = ["sh", "-c", f'umask {_UMASKS[number % 3]}; exec "$@"', "sh"]
        with FakeReceiver() as receiver:
            receiver.answer(400, signal="logs")
            variables = {ENDPOINT: receiver.http_endpoint, "OTEL_MMLOG_FILE_MODE": mode}
            told = context.folder / f"{mode}.err"
            with started(work_dir, variables, interval=1, prefix=umask, stderr=told) as training:
                training.train(50)
                training.flush(10)
                wrong += [f"{mode}: {each}" for each in _unlike(int(mode, 8), work_dir)]
                training.close()
            wait_for_senders(work_dir)
        found = {path.name for path in work_dir.glob("otlp/rank0000/*")}
        wrong += unless(found >= {"cursor", "sender.log"}, f"{mode}: there is only {found}")
        wrong += [f"{mode}: {each}" for each in _unlike(int(mode, 8), work_dir)]
    for mode in ("0777", "600x", "0602", "0400", "660,", "-600"):
        tried = run_python(_RUN, context.folder / "refused", env={"OTEL_MMLOG_FILE_MODE": mode})
        said = "ConfigError: OTEL_MMLOG_FILE_MODE=" in tried.stderr
        wrong += unless(said, f"{mode} is no error: {tried.stderr[-200:]}")
        if context.is_short:
            break
    return Outcome(wrong=wrong)


def _unlike(file_mode: int, work_dir: Path) -> list[str]:
    folder_mode = file_mode | 0o100 | (file_mode & 0o044) >> 2
    found = [(path, stat.S_IMODE(path.stat().st_mode)) for path in work_dir.rglob("*") if path.exists()]
    return [
        f"{path.relative_to(work_dir)} has mode {mode:04o}"
        for path, mode in found
        if mode != (folder_mode if path.is_dir() else file_mode)
    ]


NAMES = [
    *(
        "../../x",
        "../x",
        "..",
        ".",
        "/etc/x",
        "a/../../b",
        "~root",
        "a/b",
        "-rf",
        ".hidden",
        "otlp",
        ".mmlog",
    ),
    *(
        "x" * 300,
        "名" * 300,
        "a b ",
        " a",
        "...",
        "a\\b",
        "C:\\x",
        "$(touch x)",
        "`x`",
        "a;b",
        "*",
        "?",
        "\u00e9" * 80,
    ),
]
REFUSED = ["", " ", "a\x00b", "a\nb", "a\u202eb", "a\ud800b"]
_RANKS = ["../1", "-1", "1e3", " 1 /../x", "1\n", "9" * 400, "9" * 5000, "\u0661" * 12]


def any_name(context: Context) -> Outcome:
    """Experiments, runs and ranks of any name write below the work_dir, or are refused."""
    inside = context.folder / "a/b/cwd"
    inside.mkdir(parents=True)
    tried = subprocess.run(
        [sys.executable, "-m", "tests.faults.security.named_runs", "runs/all"],
        cwd=inside,
        env=environment(),
        input=json.dumps(NAMES + REFUSED),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    if tried.returncode:
        return Outcome(wrong=[f"the runs failed: {tried.stderr[-400:]}"])
    refused = json.loads(tried.stdout)
    wrong = [f"{name!r} is refused" for name, each in zip(NAMES, refused, strict=False) if any(each[:3])]
    wrong += [
        f"{name!r} is no error"
        for name, each in zip(REFUSED, refused[len(NAMES) :], strict=True)
        if not all(each)
    ]
    for rank in _RANKS[: context.pick(2, len(_RANKS))]:
        ran = run_python(_RUN, "runs/ranks", env={"RANK": rank, "WORLD_SIZE": "9" * 6000}, cwd=inside)
        wrong += unless("ConfigError" in ran.stderr, f"rank {rank[:20]!r} is no error: {ran.stderr[-200:]}")
    found = [path for path in context.folder.rglob("*") if path.is_file()]
    wrong += [f"{path} is elsewhere" for path in found if not path.is_relative_to(inside)]
    own = {path.relative_to(inside).parts[0] for path in inside.rglob("*")}
    wrong += unless(own == {"runs", "work_dirs"}, f"there is {own}")
    stems = {path.stem for path in found if path.suffix == ".log"}
    return Outcome(wrong=wrong, note=f"{len(NAMES)} names, {len(stems)} stems")


def sent(context: Context) -> Outcome:
    """``otel-mmlog send`` takes nothing from where another user has put it and says so, follows none of his links."""
    if not can_be_several():
        return Outcome(note=NEEDS_ROOT)
    with shared_folder() as folder, FakeReceiver() as receiver:
        _make(folder / "run")
        _make(folder / "private")
        (folder / "private").chmod(0o700)
        journal = folder / "run/otlp/rank0000"
        forged = _forgery(segment_paths(journal)[0])
        (folder / "run").chmod(0o1777)
        (folder / "run/otlp").chmod(0o1777)
        made = by_other(
            "mkdir otlp/rank0001 && cat > otlp/rank0001/20260821T025841_123456-9f86d081.0003.jsonl &&"
            " ln -s ../../private/otlp/rank0000 otlp/rank0002 && ln -s /proc/self otlp/rank0003 &&"
            " mkdir -p x/otlp && ln -s ../../../private/otlp/rank0000 x/otlp/rank0000",
            folder / "run",
            forged,
        )
        wrong = unless(made.returncode == 0, f"it was not made: {made.stderr!r}")
        _plant_inside(journal, forged)
        ran = send(folder / "run", receiver.http_endpoint, "--patience", "5")
        bodies = [str(log.body) for log in receiver.logs()]
        wrong += unless(bodies.count("the truth") == 1, f"the run was sent {bodies.count('the truth')} times")
        wrong += unless("a forgery" not in bodies, "a forgery was sent")
        wrong += unless(len(segment_paths(folder / "private/otlp/rank0000")) == 1, "another run was sent")
        left_out = ("otlp/rank0001", "otlp/rank0002", "otlp/rank0003", "x/otlp/rank0000")
        wrong += [
            f"{each} is left out silently" for each in left_out if f"{each} is left out" not in ran.stderr
        ]
        ended = ran.returncode == 1
        wrong += unless(ended, f"send ended with {ran.returncode}: {ran.stdout[-300:]}{ran.stderr[-300:]}")
    return Outcome(wrong=wrong)


def _make(work_dir: Path) -> None:
    assert run_python(_TELL, work_dir).returncode == 0


def _forgery(segment: Path) -> bytes:
    """A segment that says something else, as another program may write it."""
    lines = segment.read_bytes().replace(b"the truth", b"a forgery").splitlines()
    return b"".join(line.rstrip() + b"\n" for line in lines)


def _plant_inside(journal: Path, forged: bytes) -> None:
    """Links and a pipe in the very folder, as somebody might who was let in once."""
    elsewhere = journal.parents[2] / "elsewhere"
    elsewhere.write_bytes(forged)
    start = "20260821T025841_123456-00000000"
    (journal / f"{start}.0000.jsonl").symlink_to(elsewhere)
    (journal / f"{start}.0001.jsonl.part").symlink_to(elsewhere)
    os.mkfifo(journal / f"{start}.0002.jsonl")
    os.mkfifo(journal / f"{start}.0003.jsonl.part")
    (journal / f"{start}.0004.jsonl").write_bytes(forged)
    os.chown(journal / f"{start}.0004.jsonl", OTHER, OTHER)


FAULTS: Sequence[Fault] = named(
    "security",
    [
        Fault("files-shared", shared),
        Fault("files-any-name", any_name),
        Fault("files-sent", sent),
    ],
)
