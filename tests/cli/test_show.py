"""``otel-mmlog show``: a table of runs, a page of one, and both as JSON."""

import json
import math
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

import otel_mmlog
from otel_mmlog.cli.main import main
from otel_mmlog.cli.showing.best import guess_direction
from otel_mmlog.cli.table import table
from tests.cli.conftest import MakeJournal
from tests.runs.written import BEGAN_S, json_line, record_line, write


def show(*arguments: object) -> Result:
    """The command in this process, its stdout and stderr apart."""
    return CliRunner().invoke(main, ["show", *map(str, arguments)], prog_name="otel-mmlog")


def shown(*arguments: object) -> str:
    """What it prints, which must fit a terminal."""
    result = show(*arguments)
    assert result.exit_code == 0, result.output
    assert max(map(len, result.stdout.splitlines())) <= 80
    return result.stdout


def data(*arguments: object) -> Any:
    """What it prints as JSON."""
    return json.loads(show(*arguments, "--json").stdout)


def make_run(work_dir: Path, accuracies: list[float], *, loss: float = 0.5) -> None:
    """A run of one epoch an accuracy."""
    with otel_mmlog.init("tmp", work_dir=work_dir, console=False, interval=1) as run:
        run.config["lr"] = 0.1
        for epoch in run.epochs(len(accuracies)):
            for _ in run.train([1, 2]):
                run.log(loss=loss)
            for _ in run.val([1]):
                run.log(acc=accuracies[epoch], loss=1 - accuracies[epoch])


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three runs: one of them with a NaN, one of MMEngine's own; and the folder is the current one."""
    make_run(tmp_path / "work_dirs" / "a", [0.25, 0.75, 0.5])
    make_run(tmp_path / "work_dirs" / "b", [0.125], loss=math.nan)
    stamp = "20201123_014827"
    lines = [{"loss": 0.25, "epoch": 1, "iter": 7, "step": 7}, {"acc": 0.875, "step": 1}]
    scalars = tmp_path / "work_dirs" / "c" / stamp / "vis_data" / "scalars.json"
    write(scalars, [json.dumps(line).encode() for line in lines])
    os.utime(scalars, (BEGAN_S, BEGAN_S))
    monkeypatch.chdir(tmp_path)
    return Path("work_dirs")


def test_table(runs: Path) -> None:
    """A row a run, oldest first, of work_dirs here if nothing is named."""
    head, *rows = shown().splitlines()
    assert head.split() == ["run", "id", "state", "epoch", "iter", "loss", "best", "age", "backlog"]
    cells = [row.split() for row in rows]
    assert [[row[0], *row[2:7]] for row in cells] == [
        ["c", "stopped", "1", "7", "0.2500", "0.8750"],
        ["a/tmp", "finished", "3", "6", "0.5000", "0.7500"],
        ["b/tmp", "finished", "1", "2", "NaN", "0.1250"],
    ]
    assert show().stderr == "best: the highest val/acc\n"


@pytest.mark.parametrize(
    ("options", "values"),
    [
        (["--metric", "val/acc", "--best", "min"], [0.875, 0.25, 0.125]),
        (["--metric", "val/loss"], [None, 0.25, 0.875]),
        (["--metric", "acc"], [0.875, 0.75, 0.125]),
        (["--metric", "train/loss"], [0.25, 0.5, None]),
        (["--metric", "val/none"], [None, None, None]),
    ],
)
def test_best(runs: Path, options: list[str], values: list[float | None]) -> None:
    """The metric and which is better are as asked; NaN is never the best."""
    found = [run["best"] and run["best"]["value"] for run in data(runs, *options)]
    assert found == values


def test_a_metric_that_no_run_has(runs: Path) -> None:
    """It is said, with a name like it or what there is; the table stands all the same."""
    assert show("--metric", "train/los").stderr == "No run has train/los: the nearest is train/loss.\n"
    assert show("--metric", "val/ac").stderr == "No run has val/ac: the nearest is val/acc.\n"
    assert show("--metric", "x").stderr.startswith("No run has x: there are ")
    assert show("--metric", "val/none").stdout.count("\n") == show().stdout.count("\n")


@pytest.mark.parametrize(
    ("name", "direction"),
    [
        ("val/acc", "max"),
        ("val/coco/bbox_mAP_50", "max"),
        ("val/f1", "max"),
        ("val/loss", "min"),
        ("val/loss_cls", "min"),
        ("val/top1_err", "max"),
        ("val/rmse", "min"),
        ("val/x", "max"),
    ],
)
def test_guess(name: str, direction: str) -> None:
    """Less of a loss or an error is better, more of what is not known."""
    assert guess_direction(name) == direction


def test_page(runs: Path) -> None:
    """One run has its position, values, ranks, config and journal."""
    page = shown(runs / "a")
    for part in (
        "epoch 3, iter 6",
        "val/acc 0.7500 at epoch 2 (max)",
        "train/loss",
        "   0  finished",
        "lr  0.1",
        "otel-mmlog send work_dirs/a",
    ):
        assert part in page
    assert "Alerts" not in page
    assert "  train/loss is NaN on rank 0" in shown(runs / "b")


def test_page_of_mmengine(runs: Path) -> None:
    """What is known of it is shown, and what is not is said."""
    page = shown(runs / "c")
    assert "MMEngine alone" in page
    assert "val/acc 0.8750" in page


def test_page_as_json(runs: Path) -> None:
    """All of it is there as plain values."""
    page = data(runs / "b")
    assert (page["state"], page["values"]["train/loss"], page["config"]) == ("finished", "NaN", {"lr": 0.1})
    assert [rank["rank"] for rank in page["per_rank"]] == [0]
    assert page["backlog_bytes"] == sum(page["journal"].values()) > 0


def test_run_by_id(runs: Path) -> None:
    """Of many runs one is chosen by a part of its id; another one is answered with those that there are."""
    run_id = data(runs)[1]["run_id"]
    assert data(runs, "--run", run_id[:6])["name"] == "tmp"
    result = show(runs, "--run", "zzz")
    assert result.exit_code == 2
    assert run_id[:8] in result.stderr


def test_ranks_that_went_wrong(tmp_path: Path) -> None:
    """Ranks that failed, were killed or are behind are named, with the last errors and how many there are."""
    for rank, step in enumerate((100, 100, 40)):
        lines = [
            record_line(at, {"loss": 0.5, "time": 0.1}, rank=rank, time_s=BEGAN_S + at)
            for at in range(0, step + 1, 10)
        ]
        if rank == 1:
            exception = {"type": "RuntimeError", "message": "out of luck", "stacktrace": ""}
            name = "mmlog.exception"
            lines += [json_line(BEGAN_S + 200, level="ERROR", event_name=name, exception=exception, rank=1)]
        lines += [json_line(BEGAN_S + 201, "slow", level="WARNING", rank=rank) for _ in range(3)]
        write(tmp_path / f"tmp{f'_rank{rank}' if rank else ''}.jsonl", lines)
    page = shown(tmp_path)
    for part in (
        "rank 1 failed: RuntimeError: out of luck",
        "ranks 0, 2 were killed",
        "rank 2 is up to 60 iterations behind",
        "1 ERROR",
        "9 WARNING, the last one:",
    ):
        assert part in page
    assert page.count("slow") == 1


def test_attempts(tmp_path: Path) -> None:
    """Each start says what became of it."""
    lines = [
        record_line(1, {}, attempt=0),
        record_line(2, {}, attempt=1),
        json_line(BEGAN_S + 3, attempt=1, event_name="mmlog.run.end", status="finished"),
    ]
    write(tmp_path / "tmp.jsonl", lines)
    found = data(tmp_path)["per_attempt"]
    assert [(each["attempt"], each["state"], each["iter"]) for each in found] == [
        (0, "killed", 1),
        (1, "finished", 2),
    ]
    assert "Attempts" in shown(tmp_path)


def test_the_last_record_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loss that the last record lacks, and a start that has logged nothing yet, hide nothing of what was before."""
    lines = [
        record_line(1, {"loss": 0.5}, attempt=0),
        record_line(2, {"time": 0.1}, attempt=0),
        json_line(BEGAN_S + 3, attempt=1, event_name="mmlog.run.end", status="finished"),
    ]
    write(tmp_path / "a" / "tmp.jsonl", lines[:2])
    write(tmp_path / "b" / "tmp.jsonl", lines)
    monkeypatch.chdir(tmp_path)
    for run in data("."):
        assert (run["iter"], run["loss"]) == (2, {"name": "train/loss", "value": 0.5})
    page = shown("b")
    assert "at        epoch 1, iter 2" in page
    assert "train/loss  0.5000" in page


def test_what_waits(make_journal: MakeJournal) -> None:
    """The backlog is the journal's, and is told once of two runs in one work_dir."""
    work_dir = make_journal()
    size = sum(path.stat().st_size for path in work_dir.glob("otlp/*/*.jsonl"))
    assert data(work_dir)["backlog_bytes"] == size
    write(work_dir / "earlier.jsonl", [record_line(1, {"loss": 0.5})])
    assert shown(work_dir).count("KiB") == 1


def test_nothing_is_changed(runs: Path) -> None:
    """Looking at runs leaves every file as it was, and makes none."""

    def state() -> list[tuple[Path, int]]:
        return [(path, path.stat().st_size) for path in sorted(runs.rglob("*"))]

    before = state()
    shown(runs)
    shown(runs / "a")
    assert state() == before


def test_fits_the_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names lose their middle and texts are wrapped at its width; a pipe gets all of both."""
    name, text = "long_" * 30, "word " * 60
    tags = {f"loss_{name}{number}": 0.5 for number in range(2)}
    lines = [record_line(1, tags), json_line(event=text.strip(), level="ERROR")]
    write(tmp_path / name / "tmp.jsonl", lines)
    write(tmp_path / "b" / "tmp.jsonl", lines[:1])
    whole = show(tmp_path).stdout, show(tmp_path / name).stdout
    assert f"{name}/tmp" in whole[0]
    assert f"_{name}0  0.5000\n" in whole[1]
    assert f"  {text.strip()}\n" in whole[1]
    monkeypatch.setattr("otel_mmlog.cli.show.terminal_width", lambda: 80)
    rows, page = shown(tmp_path), show(tmp_path / name).stdout
    assert max(map(len, rows.splitlines())) == 80
    assert "...ong_long_long_/tmp  a" in rows
    values = page[page.index("Alerts") :].splitlines()
    assert max(map(len, values)) == 80
    assert page.count("word") == 60
    assert [line[-9:] for line in values if "loss_long" in line] == ["0  0.5000", "1  0.5000"]


@pytest.mark.parametrize(
    ("width", "head", "best", "left_out"),
    [
        (140, "run id state attempts epoch iter loss best age", "val/accuracy 0.5000", ""),
        (100, "run id state attempts epoch iter loss best age", " accuracy 0.5000", ""),
        (85, "run id state epoch iter loss best age", " accuracy 0.5000", "attempts"),
        (75, "run id state epoch iter loss best age", " 0.5000", "attempts, the metrics' names"),
        (70, "run id state iter loss best age", " 0.5000", "attempts, the metrics' names, epoch"),
    ],
)
def test_narrow_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, width: int, head: str, best: str, left_out: str
) -> None:
    """Metrics lose their loop, then their name, and columns of little use are left out; it is said which."""
    for name in ("accuracy", "f1"):
        lines = [record_line(9999, {"loss": 1e-8}, attempt=at, run_id=f"{name:0<8}") for at in range(2)]
        lines += [record_line(9999, {name: 0.5}, mode="val", attempt=1, run_id=f"{name:0<8}")]
        write(tmp_path / f"{'long' * 9}{name}" / "tmp.jsonl", lines)
    monkeypatch.setattr("otel_mmlog.cli.show.terminal_width", lambda: width)
    result = show(tmp_path)
    assert max(map(len, result.stdout.splitlines())) <= width
    assert result.stdout.split("\n")[0].split() == head.split()
    assert best in result.stdout
    assert result.stderr == (f"too narrow for {left_out}: --json has all\n" if left_out else "")


@given(st.lists(st.integers(1, 200), min_size=1, max_size=6), st.integers(1, 250))
def test_table_is_as_wide_as_it_may_be(chars: list[int], width: int) -> None:
    """No line is longer, unless its columns are too narrow to be cut; a table that fits is left alone."""
    cells = ["x" * count for count in chars]
    (whole, cut) = (table(cells, width=each).splitlines()[0] for each in (None, width))
    assert len(cut) <= max(width, sum(min(16, count) + 2 for count in chars) - 2)
    if len(whole) <= width:
        assert cut == whole


def test_letters_that_are_two_columns_wide() -> None:
    """Columns stand below each other on a terminal, and are cut to its columns, not to so many letters."""
    lines = table(("run", "id"), ("a", "1"), ("\u540d\u524d" * 10, "2"), width=30).splitlines()
    assert [cell_len(line) for line in lines] == [30, 29, 29]
    assert lines[2].startswith("\u540d\u524d")


def test_no_runs(tmp_path: Path) -> None:
    """A folder without runs is told from one that is not there."""
    assert "there is no run in" in show(tmp_path).stderr
    assert "does not exist" in show(tmp_path / "a").stderr
    assert show(tmp_path).exit_code == 2


def test_odd_names(tmp_path: Path) -> None:
    """What is in names and texts of files is never a command to a terminal."""
    odd = "a\x1b[2J\u202e"
    write(tmp_path / odd / f"{odd}.jsonl", [record_line(1, {odd: 0.5}, run_id=odd, level=odd)])
    write(tmp_path / "b" / "tmp.jsonl", [record_line(1, {"loss": 0.5})])
    for folder in (tmp_path, tmp_path / odd):
        assert not {"\x1b", "\u202e"} & set(show(folder).output)
