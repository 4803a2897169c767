"""Which files a run leaves: layouts, ranks, several runs in one folder."""

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MakeRun
from tests.journals import json_lines, read_journals, records
from tests.processes import run_python
from tests.training import place, train


def left(work_dir: Path) -> list[str]:
    """The text and JSON files below a folder."""
    found = [path for pattern in ("*.log", "*.jsonl") for path in work_dir.rglob(pattern)]
    return sorted(
        path.relative_to(work_dir).as_posix() for path in found if not {"otlp", ".mmlog"} & set(path.parts)
    )


def test_files_of_one_process(make_run: MakeRun, tmp_path: Path) -> None:
    """A run alone writes text, JSON and one sealed journal segment."""
    with make_run() as run:
        train(run)
        assert run.files == (tmp_path / "tmp.log", tmp_path / "tmp.jsonl")
    assert left(tmp_path) == ["tmp.jsonl", "tmp.log"]
    (segment,) = (tmp_path / "otlp" / "rank0000").iterdir()
    assert segment.suffix == ".jsonl"


@pytest.mark.parametrize(
    ("options", "rank", "files"),
    [
        ({}, 0, ["tmp.jsonl", "tmp.log"]),
        ({}, 1, []),
        ({"log_level": "DEBUG"}, 1, ["tmp_rank1.jsonl", "tmp_rank1.log"]),
        ({"distributed": True}, 1, ["tmp_rank1.jsonl", "tmp_rank1.log"]),
    ],
)
def test_rank_files(
    make_run: MakeRun,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, Any],
    rank: int,
    files: list[str],
) -> None:
    """At INFO only rank 0 has files; in DEBUG or with ``distributed`` all have; every rank has a journal."""
    place(monkeypatch, rank)
    with make_run(**options) as run:
        train(run)
    assert left(tmp_path) == files
    points = read_journals(tmp_path).points
    assert {point.attributes["rank"] for point in points} == {rank}
    assert [path.name for path in (tmp_path / "otlp").iterdir()] == [f"rank{rank:04d}"]


def test_separate_layout(make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Machine 7 of 8 has ranks 56 to 63 in a folder of the experiment's."""
    for rank in range(56, 64):
        place(monkeypatch, rank, 64, 8)
        with make_run("exp_name", distributed=True, layout="separate"):
            pass
    names = sorted(
        f"exp_name_logs/exp_name_rank{rank}.{end}" for rank in range(56, 64) for end in ("jsonl", "log")
    )
    assert left(tmp_path) == names


def test_auto_layout_on_several_machines(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where rank 0's start of this very run is visible, the files are shared."""
    for rank in (0, 9):
        place(monkeypatch, rank, 16, 8)
        with make_run(distributed=True, run_id="job"):
            pass
    assert left(tmp_path) == ["tmp.jsonl", "tmp.log", "tmp_rank9.jsonl", "tmp_rank9.log"]


def test_name_of_an_experiment_is_no_path(make_run: MakeRun, tmp_path: Path) -> None:
    """No name leads out of the work_dir."""
    with make_run("../../a/b c", work_dir=tmp_path / "work"):
        pass
    assert left(tmp_path) == ["work/_.._a_b_c.jsonl", "work/_.._a_b_c.log"]


SECOND_RUN = """
import sys, otel_mmlog
with otel_mmlog.init("tmp", work_dir=sys.argv[1], console=False) as run:
    run.logger.info("second")
    print(run.run_id, *run.files)
"""


def test_two_living_runs_do_not_mix(make_run: MakeRun, tmp_path: Path) -> None:
    """Of two living runs of one name in one folder the second has files named after its id."""
    with make_run() as run:
        run.logger.info("first")
        done = run_python(SECOND_RUN, tmp_path)
        assert done.returncode == 0, done.stderr
        second_id, text, json_file = done.stdout.split()
        assert second_id != run.run_id
        assert {line["run_id"] for line in json_lines(tmp_path / "tmp.jsonl")} == {run.run_id}
    assert {line["run_id"] for line in json_lines(Path(json_file))} == {second_id}
    assert "second" not in (tmp_path / "tmp.log").read_text()
    assert "second" in Path(text).read_text()
    assert len({span.trace_id for span in read_journals(tmp_path).spans}) == 2


def test_later_runs_append(make_run: MakeRun, tmp_path: Path) -> None:
    """A second run in the same folder appends to the files, under an id and a trace of its own."""
    for _ in range(2):
        with make_run() as run:
            train(run)
    found = records(tmp_path)
    assert len({record["run_id"] for record in found}) == 2
    assert [record["attempt"] for record in found] == [0, 0]
    assert len({span.trace_id for span in read_journals(tmp_path).spans}) == 2


def test_journal_folder_of_the_machine(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``OTEL_MMLOG_JOURNAL_DIR`` moves the journals, and nothing else."""
    monkeypatch.setenv("OTEL_MMLOG_JOURNAL_DIR", str(tmp_path / "disk"))
    with make_run(work_dir=tmp_path / "work") as run:
        train(run)
    assert read_journals(tmp_path / "disk").points
    assert not (tmp_path / "work" / "otlp").exists()
    assert left(tmp_path / "work") == ["tmp.jsonl", "tmp.log"]


def test_unwritable_work_dir(tmp_path: Path, make_run: MakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    """A file in place of the work_dir is exactly one WARNING; console and training go on."""
    (tmp_path / "file").write_text("mine")
    with make_run(work_dir=tmp_path / "file", console=True) as run:
        assert run.files == ()
        train(run)
    printed = capsys.readouterr().out.splitlines()
    assert len([line for line in printed if "WARNING" in line]) == 1
    assert len([line for line in printed if "Epoch(train)" in line]) == 1
    assert (tmp_path / "file").read_text() == "mine"


def test_folder_in_place_of_a_file(
    tmp_path: Path, make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where only the text file cannot be opened, one WARNING names it; console and journal go on."""
    (tmp_path / "tmp.log").mkdir()
    with make_run(console=True) as run:
        train(run)
    printed = capsys.readouterr().out.splitlines()
    (warning,) = [line for line in printed if "WARNING" in line]
    assert "tmp.log" in warning
    assert read_journals(tmp_path).points


def test_deleted_files_do_not_end_training(tmp_path: Path, make_run: MakeRun) -> None:
    """Files and journal that somebody deletes under a run cost themselves."""
    with make_run() as run:
        train(run)
        for path in sorted(tmp_path.rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
        train(run)
        train(run)
    assert (
        len([p for p in read_journals(tmp_path).points if p.name == "mmlog.train.loss" and not p.flags]) == 2
    )
