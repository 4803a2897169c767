"""``otel-mmlog tail``: which lines it shows, in which order, how they look, and when it ends."""

import json
import logging
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

import otel_mmlog
from otel_mmlog.cli.main import main
from otel_mmlog.cli.tail import follow_run
from otel_mmlog.cli.tailing.files import find_families
from otel_mmlog.cli.tailing.printer import Printer
from otel_mmlog.cli.tailing.wants import Wants, parse_ranks, parse_since
from otel_mmlog.runs import reading
from tests.processes import BEGIN, environment, start_python
from tests.runs.written import BEGAN_S, json_line, record_line, write

DEADLINE_S = 20


def tail(*arguments: object) -> Result:
    """The command in this process, its stdout and stderr apart."""
    return CliRunner().invoke(main, ["tail", *map(str, arguments)], prog_name="otel-mmlog")


def texts(result: Result) -> list[str]:
    """What the lines say, behind date, logger and level."""
    assert result.exit_code == 0, result.output
    return [line.split(" - ", 3)[3] for line in result.stdout.splitlines()]


@pytest.fixture
def two_ranks(tmp_path: Path) -> Path:
    """Ten lines of each of two ranks, in turns, a minute long."""
    for rank in (0, 1):
        lines = [
            json_line(BEGAN_S + 6 * number + 3 * rank, f"line {2 * number + rank}", rank=rank)
            for number in range(10)
        ]
        write(tmp_path / f"tmp{f'_rank{rank}' if rank else ''}.jsonl", lines)
    return tmp_path


def test_same_characters_as_the_text_file(tmp_path: Path) -> None:
    """Of one rank the lines are those of its ``.log`` file: records, bound values, tracebacks, odd characters."""
    with otel_mmlog.init("tmp", work_dir=tmp_path, console=False, interval=1) as run:
        run.config["lr"] = 0.1
        for _epoch in run.epochs(2):
            for loss in run.train([0.5, float("nan"), 1e9]):
                run.log(loss=loss)
            for _ in run.val([1]):
                run.log(acc=0.5)
        run.log({"train/free": 1.0}, step=3)
        run.logger.info("saved", path="a b.pt", epoch=1)
        run.logger.warning("odd \x1b[2J\u202e\nnext", values=[1, "x"])
        run.logger.error("failed", exc_info=ValueError("a\nb"))
        run.logger.critical("at a place", source="mine")
        logging.getLogger("other.one").warning("with a stack", stack_info=True)
        logging.getLogger("other.one").log(25, "between")
    assert tail(tmp_path, "-n", "all").stdout == (tmp_path / "tmp.log").read_text()


def test_merged_by_time(two_ranks: Path) -> None:
    """The last lines of all ranks come in the order of their times, with the rank before each."""
    result = tail(two_ranks, "-n", 3)
    assert texts(result) == ["line 17", "line 18", "line 19"]
    assert [line[:4] for line in result.stdout.splitlines()] == ["1 | ", "0 | ", "1 | "]
    assert texts(tail(two_ranks)) == [f"line {number}" for number in range(20)]


def test_every_line_of_a_traceback_says_its_rank(two_ranks: Path) -> None:
    """So that grep for a rank finds all of it."""
    exception = {"type": "ValueError", "message": "x", "stacktrace": "Traceback\n  File\nValueError: x"}
    write(two_ranks / "tmp_rank1.jsonl", [json_line(rank=1, level="ERROR", exception=exception)])
    shown = tail(two_ranks, "-n", "all", "--level", "E").stdout.splitlines()
    assert len(shown) == 4
    assert all(line.startswith("1 | ") for line in shown)


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        (["--rank", "1", "-n", "2"], [17, 19]),
        (["--rank", "0-0,1", "-n", "2"], [18, 19]),
        (["--grep", r"line 1[0-2]$"], [10, 11, 12]),
        (["--grep", "(?i)LINE 7"], [7]),
        (["--grep", "mmengine"], []),
        (["--level", "W"], []),
        (["--level", "info", "-n", "1"], [19]),
        (["--level", "20", "-n", "1"], [19]),
        (["-n", "0"], []),
        (["--since", "@55"], [19]),
        (["--since", "@45", "-n", "2"], [18, 19]),
        (["--since", "@-9", "-n", "all", "--rank", "0", "--grep", "[01]$"], [0, 10]),
    ],
)
def test_what_is_wanted(two_ranks: Path, options: list[str], numbers: list[int]) -> None:
    """Each option leaves out what it says, and all of them together."""
    stamps = {
        option: time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(BEGAN_S + int(option[1:])))
        for option in options
        if option.startswith("@")
    }
    result = tail(two_ranks, *(stamps.get(option, option) for option in options))
    assert texts(result) == [f"line {number}" for number in numbers]


def test_grep_in_records(tmp_path: Path) -> None:
    """A pattern is looked for in the text alone, of records as of other lines."""
    lines = [record_line(number, {"loss": 0.5}) for number in range(9)]
    write(tmp_path / "tmp.jsonl", [*lines, json_line(BEGAN_S + 99, "Epoch", path="[1][7/9]")])
    assert texts(tail(tmp_path, "--grep", "train")) == [
        f"Epoch(train) [1][{number}/9]" for number in range(9)
    ]
    assert texts(tail(tmp_path, "--grep", r"\[7/9\]$")) == ["Epoch(train) [1][7/9]", "Epoch  path=[1][7/9]"]
    assert texts(tail(tmp_path, "--grep", "loss|tags|run_id")) == []


@pytest.mark.usefixtures("india")
def test_times_are_of_who_reads(two_ranks: Path) -> None:
    """Wherever it was written, a line has the local time of the reader, and so has what is asked for."""
    result = tail(two_ranks, "--since", "2023-11-15 03:44:15")
    assert texts(result) == ["line 19"]
    assert "2023/11/15 03:44:17 - " in result.stdout


def test_clock_times_after_the_clocks_were_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked for in the night of the change is the clock's time of then, not today's offset."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
        time.tzset()
        now_s = datetime(2026, 10, 25, 4, 0, tzinfo=timezone.utc).timestamp()
        assert parse_since("04:30", now_s) == now_s - 1800
        assert parse_since("01:30", now_s) == now_s - 4.5 * 3600
        assert parse_since("05:30", now_s) == now_s - 24.5 * 3600
    time.tzset()


def test_grep_at_a_glance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of records that cannot fit are skipped, from both ends; a line that may fit never is."""
    monkeypatch.setattr(reading, "_BLOCK_BYTES", 1500)
    lines = [record_line(number, {"loss": 0.5}) for number in range(200)]
    lines[90] = json_line(BEGAN_S + 90, "saved", path="a", mode="fast")
    lines[120] = json_line(BEGAN_S + 120, "bad", level="ERROR")
    lines[150] = lines[150].replace(b"Epoch(train)", rb"\"fast\"")
    write(tmp_path / "tmp.jsonl", lines)
    for count in (["-n", "all"], ["-n", "9"]):
        assert texts(tail(tmp_path, *count, "--grep", "mode=fast")) == ["saved  path=a  mode=fast"]
        assert texts(tail(tmp_path, *count, "--grep", "bad|fast")) == texts(
            tail(tmp_path, *count, "--grep", "(bad|fast)")
        )
        assert texts(tail(tmp_path, *count, "--level", "W")) == ["bad"]
        assert texts(tail(tmp_path, *count, "--grep", "no such words")) == []


def test_nothing_since(two_ranks: Path) -> None:
    """Instead of nothing at all, the time of the last line is told."""
    old = write(two_ranks / "old" / "tmp.jsonl", [json_line(1e9)])
    result = tail(old.parent, "--since", "5m")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "the last such line is of 2001-09-0" in result.stderr


def test_json(two_ranks: Path) -> None:
    """Lines are those of the files, in the order of time."""
    lines = tail(two_ranks, "--json").stdout.splitlines()
    assert [json.loads(line)["event"] for line in lines] == [f"line {number}" for number in range(20)]
    assert lines[0].encode() == (two_ranks / "tmp.jsonl").read_bytes().splitlines()[0]


def test_one_of_several_runs(tmp_path: Path) -> None:
    """Of several runs the one that was written last is shown, and said to be."""
    for name in ("a", "b"):
        write(tmp_path / name / "tmp.jsonl", [json_line(event=name)])
    result = tail(tmp_path)
    assert texts(result) == ["b"]
    assert "written last of 2" in result.stderr
    assert texts(tail(tmp_path / "a")) == ["a"]
    assert texts(tail(tmp_path / "a" / "tmp.jsonl")) == ["a"]


def test_text_files_of_mmengine(tmp_path: Path) -> None:
    """Where there is no JSON its text files are shown: all ranks, each line with those that belong to it."""
    stamp = "20261123_014827"
    for rank, name in enumerate((stamp, f"{stamp}_host_device1_rank1")):
        first = f"2026/11/23 01:48:2{rank} - mmengine - INFO - a{rank}\n  b{rank}"
        lines = [*first.encode().splitlines(), b"2026/11/23 01:48:29 - mmengine - WARNING - c"]
        write(tmp_path / stamp / f"{name}.log", lines)
    shown = tail(tmp_path, "-n", "all").stdout.splitlines()
    assert [line.rpartition(" ")[2] for line in shown] == ["a0", "b0", "a1", "b1", "c", "c"]
    assert [line[:4] for line in shown] == ["0 | ", "0 | ", "1 | ", "1 | ", "0 | ", "1 | "]
    (line,) = tail(tmp_path, "--rank", 1, "--level", "W", "--json").stdout.splitlines()
    assert (json.loads(line)["event"], json.loads(line)["rank"]) == ("c", 1)


def test_colors(two_ranks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There are none in a pipe; where they are asked for, what is left without them is the same."""
    plain = tail(two_ranks).stdout
    assert "\x1b" not in plain
    monkeypatch.setenv("FORCE_COLOR", "1")
    colored = CliRunner().invoke(main, ["tail", str(two_ranks)], color=True).stdout
    assert "\x1b[" in colored
    assert re.sub(r"\x1b\[[\d;]*m", "", colored) == plain
    monkeypatch.setenv("NO_COLOR", "1")
    assert CliRunner().invoke(main, ["tail", str(two_ranks)], color=True).stdout == plain


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["--rank", "1-"], "--rank '1-' is no list of ranks"),
        (["--rank", "7"], "there is 0, 1"),
        (["--level", "loud"], "--level 'loud' is no level"),
        (["--grep", "("], "--grep '(' is no regular expression"),
        (["--since", "soon"], "--since 'soon' is no time"),
        (["-n", "-3"], "--lines '-3' is no number"),
    ],
)
def test_wrong_options(two_ranks: Path, options: list[str], part: str) -> None:
    """Each is answered with one sentence, which says what can be given."""
    result = tail(two_ranks, *options)
    assert result.exit_code == 2
    assert part in result.stderr
    assert "Traceback" not in result.stderr


def test_wrong_folders(tmp_path: Path) -> None:
    """One that is not there and one without runs are told apart."""
    assert "does not exist" in tail(tmp_path / "a").stderr
    assert "there is no run in" in tail(tmp_path).stderr


class Follower:
    """``otel-mmlog tail -f`` in a process of its own."""

    def __init__(self, *arguments: object) -> None:
        command = [sys.executable, "-W", "error", "-m", "otel_mmlog", "tail", "-f", *map(str, arguments)]
        self.process = subprocess.Popen(
            command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def read(self, count: int) -> list[str]:
        """The texts of the next lines; waits for them."""
        assert self.process.stdout is not None
        lines = [self.process.stdout.readline() for _ in range(count)]
        return [line.rstrip("\n").rpartition(" - ")[2] for line in lines]

    def end(self) -> int:
        """Its exit code."""
        return self.process.wait(DEADLINE_S)


@pytest.fixture
def followers() -> Iterator[list[Follower]]:
    """Those that a test starts; they are ended with it."""
    started: list[Follower] = []
    yield started
    for follower in started:
        with follower.process as process:
            process.kill()


def test_follow_until_the_end(tmp_path: Path, followers: list[Follower]) -> None:
    """Lines come as they are written, and the run's end is the end, with code 0."""
    source = (
        f"{BEGIN}run.logger.info('first')\nwhile not os.path.exists(sys.argv[2]):\n    time.sleep(0.02)\n"
    )
    with start_python(f"{source}run.logger.info('last')\nrun.close()", tmp_path, tmp_path / "go") as training:
        while not (tmp_path / "tmp.jsonl").exists():
            assert training.poll() is None
        followers.append(Follower(tmp_path, "--grep", "^first|^last"))
        assert followers[0].read(1) == ["first"]
        (tmp_path / "go").touch()
        assert followers[0].read(1) == ["last"]
        assert followers[0].end() == 0
        training.communicate()


def test_follow_growing_cut_replaced_and_new_files(tmp_path: Path, followers: list[Follower]) -> None:
    """Nothing is lost or shown twice, whatever happens to the files."""
    path = write(tmp_path / "tmp.jsonl", [json_line(event="old")])
    followers.append(Follower(path.parent, "-n", 1))
    follower = followers[0]
    with path.open("ab") as file:
        assert follower.read(1) == ["old"]
        line = json_line(event="grown")
        file.write(line[:20])
        file.flush()
        time.sleep(0.3)
        file.write(line[20:] + b"\n")
        file.flush()
        assert follower.read(1) == ["grown"]
    write(path, [json_line(event="cut")])
    assert follower.read(1) == ["cut"]
    write(tmp_path / "next", [json_line(event="replaced by much more")]).rename(path)
    assert follower.read(1) == ["replaced by much more"]
    write(tmp_path / "tmp_rank1.jsonl", [json_line(event="new rank", rank=1)])
    assert follower.read(1) == ["new rank"]
    follower.process.send_signal(signal.SIGINT)
    assert follower.end() == -signal.SIGINT
    assert follower.process.stderr is not None
    assert "Traceback" not in follower.process.stderr.read()


def test_follow_over_a_restart(tmp_path: Path, followers: list[Follower]) -> None:
    """A run that was killed is waited for; its next attempt is shown, and ends it."""
    source = BEGIN + "run.logger.info('first')\nos.kill(os.getpid(), signal.SIGKILL)"
    start_python(source, tmp_path).communicate()
    follower = Follower(tmp_path, "--grep", "^first|^second")
    followers.append(follower)
    assert follower.read(1) == ["first"]
    assert follower.process.stderr is not None
    assert "rank 0 was killed. This waits" in follower.process.stderr.readline()
    again = BEGIN.replace("interval=1", "interval=1, resume=True") + "run.logger.info('second')\nrun.close()"
    start_python(again, tmp_path).communicate()
    assert follower.read(1) == ["second"]
    assert follower.end() == 0


@pytest.mark.parametrize(("status", "code"), [("finished", 0), ("failed", 1), (None, 1)])
def test_follow_tells_how_the_run_ended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], status: str | None, code: int
) -> None:
    """It is 0 of a run that finished; 1 of one that failed or was killed, after a time in which it may come again."""
    end = [json_line(BEGAN_S + 1, event_name="mmlog.run.end", status=status)] if status else []
    write(tmp_path / "tmp.jsonl", [json_line(), *end])
    (family,) = find_families(tmp_path, [])
    wants = Wants(parse_ranks(None))
    ends = {file: file.path.stat().st_size for file in family.files()}
    printer = Printer([0])
    began_s = time.monotonic()
    assert follow_run(family, ends, wants, printer, Console(stderr=True), restart_s=0.1, look_s=0.0) == code
    assert (time.monotonic() - began_s > 0.1) == bool(code)
    assert ("waits 0.1 s for a restart" in capsys.readouterr().err) == bool(code)


def test_follow_waits_for_a_run(tmp_path: Path, followers: list[Follower]) -> None:
    """In a folder without runs it says so, and shows the first one that comes."""
    follower = Follower(tmp_path)
    followers.append(follower)
    assert follower.process.stderr is not None
    assert "waits for one" in follower.process.stderr.readline()
    write(tmp_path / "new" / "tmp.jsonl", [json_line(event="there")])
    assert follower.read(1) == ["there"]


def test_a_reader_that_goes_away(two_ranks: Path) -> None:
    """``| head`` ends it without a word."""
    command = f"{sys.executable} -m otel_mmlog tail {two_ranks} -n all | head -n 1"
    found = subprocess.run(
        ["bash", "-c", command],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=True,
    )
    assert (found.stdout.count("\n"), found.stderr) == (1, "")
