"""``otel-mmlog ranks``: real ranks one of which is slow, and many that are made up."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from otel_mmlog.cli.main import main
from tests.processes import environment

TRAIN = """
import sys, time
import otel_mmlog

work_dir, distributed = sys.argv[1], sys.argv[2] == "distributed"
run = otel_mmlog.init("tmp", work_dir=work_dir, console=False, interval=5, window_size=5, distributed=distributed)
with run:
    for number in run.train(range(80)):
        time.sleep(0.012 if run.rank == 1 and number >= 40 else 0.003)
        run.log(loss=number)
"""


def ranks(*arguments: object) -> Result:
    """``otel-mmlog ranks ...`` in this process, its stdout and stderr apart."""
    return CliRunner().invoke(main, ["ranks", *map(str, arguments)], prog_name="otel-mmlog")


def train(work_dir: Path, mode: str) -> None:
    """Two real processes; the second one becomes slow in the middle."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", TRAIN, str(work_dir), mode],
            env=environment(
                {"RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_RANK": str(rank), "OTEL_MMLOG_RUN_ID": "pair"}
            ),
        )
        for rank in range(2)
    ]
    assert [process.wait(60) for process in processes] == [0, 0]


@pytest.mark.parametrize("mode", ["distributed", "rank 0 alone"])
def test_two_ranks_one_of_which_becomes_slow(mode: str, tmp_path: Path) -> None:
    """Of JSON lines, and of the journal of a rank that has none: who, since when, and at which cost."""
    train(tmp_path, mode)
    result = ranks(tmp_path, "--json", "--over", "50%")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    fast, slow = told["ranks"]
    assert slow["source"] == ("JSON lines" if mode == "distributed" else "journal")
    assert fast["source"] == "JSON lines"
    assert slow["mean_s"] > 1.5 * fast["mean_s"]
    assert 31 <= slow["since"] <= 51
    assert slow["until"] is None
    assert told["cost_s"] > 0.25
    assert not told["waits_together"]
    assert told["missing"] == []
    text = ranks(tmp_path, "--over", "50%").stdout
    assert "Rank 1 is slow: over 50% behind the median rank from step" in text
    assert max(map(len, text.splitlines()[:4])) <= 80


def write_rank(
    folder: Path, rank: int, times: list[float], *, world_size: int = 64, run_id: str = "made"
) -> None:
    """The JSON file of a rank, eight of which are on a machine."""
    folder.mkdir(parents=True, exist_ok=True)
    head = {"ts": "2026-11-23T01:48:46.483427Z", "level": "INFO", "logger": "mmengine", "rank": rank}
    head |= {"run_id": run_id, "attempt": 0}
    start = {**head, "event": f"Run {run_id}, attempt 0", "seq": 0, "event_name": "mmlog.run.start"}
    lines = [{**start, "world_size": world_size, "host": f"node{rank // 8}"}]
    for number, time_s in enumerate(times, 1):
        place = {"mode": "train", "epoch": 1, "iter": number * 10, "step": number * 10}
        tags = {"time": time_s, "data_time": 0.001, "loss": "NaN"}
        record: dict[str, Any] = {
            **head,
            "event": "Epoch(train)",
            "seq": number,
            "event_name": "mmlog.train.iter",
        }
        lines.append({**record, **place, "tags": tags})
    name = f"big_rank{rank}.jsonl" if rank else "big.jsonl"
    (folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """64 ranks on eight machines; rank 13 is slow from step 101 on, node 5 from 201 to 300."""
    folder = tmp_path_factory.mktemp("many")
    for rank in range(64):
        times = [0.2 + rank * 1e-5] * 40
        if rank == 13:
            times[10:] = [0.3] * 30
        if rank // 8 == 5:
            times[20:30] = [0.25] * 10
        write_rank(folder, rank, times)
    return folder


def test_many_ranks(many: Path) -> None:
    """The slowest are shown, a machine all of whose ranks are slow as one; --all shows all."""
    text = ranks(many).stdout
    first, *_ = text.splitlines()[3:]
    assert first.split()[:2] == ["13", "node1"]
    assert first.endswith("101")
    assert "... and 54 faster ranks: --all shows all" in text
    assert "Rank 13 is slow: over 10% behind the median rank from step 101 on, in 75% of its steps." in text
    assert "All 8 ranks of node5 are slow: over 10% behind the median rank from step 201 to 300" in text
    assert "Waiting for the slowest rank of each step costs 30 s, 27.2% of 1 min 50 s." in text
    assert max(map(len, text.splitlines()[:14])) <= 80
    assert len(ranks(many, "--all").stdout.splitlines()) > 64


def test_what_is_too_slow_can_be_said(many: Path) -> None:
    """With a higher bar fewer ranks are."""
    assert "node5 are slow" not in ranks(many, "--over", "30%").stdout
    assert "Rank 13 is slow: over 30%" in ranks(many, "--over", "30").stdout
    assert ranks(many, "--over", "much").exit_code == 2


@pytest.mark.parametrize(("name", "begins"), [("ranks.png", b"\x89PNG"), ("ranks.svg", b"<?xml")])
def test_picture(many: Path, tmp_path: Path, name: str, begins: bytes) -> None:
    """A file of the format that its name says."""
    pytest.importorskip("matplotlib")
    result = ranks(many, "-o", tmp_path / name)
    assert result.exit_code == 0, result.output
    assert (tmp_path / name).read_bytes().startswith(begins)
    assert f"Wrote {tmp_path / name}" in result.stderr


def test_picture_of_no_format(many: Path, tmp_path: Path) -> None:
    """An error in one sentence."""
    pytest.importorskip("matplotlib")
    result = ranks(many, "-o", tmp_path / "ranks.doc")
    assert result.exit_code == 2
    assert "Format 'doc' is not supported" in result.stderr


def test_picture_without_matplotlib(many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence says what to install."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = ranks(many, "-o", tmp_path / "ranks.png")
    assert result.exit_code == 1
    assert "pip install 'otel-mmlog[plot]'" in result.stderr


def test_only_rank_0(tmp_path: Path) -> None:
    """It says so, and how to get the others; some that are missing are named."""
    write_rank(tmp_path, 0, [0.1] * 5, world_size=4)
    result = ranks(tmp_path)
    assert result.exit_code == 1
    assert "only rank 0 of big" in result.stderr
    assert "distributed=True" in result.stderr
    assert "OTEL_MMLOG_LOG_LEVEL=DEBUG" in result.stderr
    write_rank(tmp_path, 2, [0.1] * 5, world_size=4)
    result = ranks(tmp_path)
    assert result.exit_code == 0
    assert "2 ranks without step times here: 1, 3. For JSON lines" in result.stdout


def test_a_run_of_one_rank(tmp_path: Path) -> None:
    """There is nothing to compare."""
    write_rank(tmp_path, 0, [0.1] * 5, world_size=1)
    result = ranks(tmp_path)
    assert result.exit_code == 1
    assert "has one rank" in result.stderr


def test_several_runs(tmp_path: Path) -> None:
    """The newest counts, or the one that is named: by its id, though others have it in theirs, or a part of it."""
    for run_id in ("job1", "job10"):
        for rank in range(2):
            write_rank(tmp_path / run_id, rank, [0.1] * 5, world_size=2, run_id=run_id)
    assert "2 runs fit" in ranks(tmp_path).stderr
    assert ranks(tmp_path, "--run", "job1").stdout.startswith("big job1: 2 ranks, steps 1 to 50")
    assert ranks(tmp_path, "--run", "b10").stdout.startswith("big job10: ")
    result = ranks(tmp_path, "--run", "x")
    assert result.exit_code == 2
    assert "the last ones are job1, job10" in result.stderr


def test_no_run(tmp_path: Path) -> None:
    """An error that says what to give."""
    result = ranks(tmp_path)
    assert result.exit_code == 2
    assert "give the work_dir of a run" in result.stderr


def test_nothing_of_a_file_reaches_the_terminal_raw(tmp_path: Path) -> None:
    """Names of machines and runs are escaped."""
    for rank in range(2):
        write_rank(tmp_path, rank, [0.1] * 5, world_size=2, run_id="\x1b[31m")
        path = tmp_path / (f"big_rank{rank}.jsonl" if rank else "big.jsonl")
        path.write_text(path.read_text().replace("node0", r"\u001b]0;\u0007"))
    result = ranks(tmp_path)
    assert result.exit_code == 0
    assert "\x1b" not in result.output
    assert r"\x1b[31m" in result.stdout
