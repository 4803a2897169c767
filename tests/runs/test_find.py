"""Which runs there are below a folder."""

from pathlib import Path

import pytest

import otel_mmlog
from otel_mmlog.runs import find
from otel_mmlog.runs.find import find_runs, parts_of_file
from tests.runs.written import BEGAN_S, json_line, record_line, write
from tests.training import place, train


def start(run_id: str, attempt: int, time_s: float, count: int = 50, rank: int = 0) -> list[bytes]:
    """The lines of one start."""
    return [json_line(time_s + number, run_id=run_id, attempt=attempt, rank=rank) for number in range(count)]


def test_attempts_and_runs_in_one_file(tmp_path: Path) -> None:
    """Each start of each run is a part of its own, whatever order they come in."""
    starts = [("a", 0), ("a", 1), ("b", 0), ("a", 2), ("b", 1)]
    lines = [
        line
        for number, (run_id, attempt) in enumerate(starts)
        for line in start(run_id, attempt, number * 1e3)
    ]
    path = write(tmp_path / "tmp.jsonl", lines)
    parts = parts_of_file(path)
    assert [(part.first.run_id, part.first.attempt) for part in parts] == starts
    assert [list(part.lines()) for part in parts] == [lines[at : at + 50] for at in range(0, 250, 50)]
    by_id = {run.run_id: run for run in find_runs(tmp_path)}
    assert by_id["a"].attempts == [0, 1, 2]
    assert [part.first.attempt for part in by_id["b"].parts_of(0)] == [0, 1]


@pytest.mark.parametrize("rest", [b"", b'{"ts": "20', b"\n", b"garbage\n"])
def test_torn_and_foreign_last_lines(tmp_path: Path, rest: bytes) -> None:
    """What stands behind the last line hides no start before it."""
    path = write(tmp_path / "tmp.jsonl", [*start("a", 0, 0), *start("a", 1, 1e3)], rest)
    assert [part.first.attempt for part in parts_of_file(path)] == [0, 1]


def test_a_torn_line_between_two_starts(tmp_path: Path) -> None:
    """A killed start's last line, and the next one's begin, are told apart."""
    path = write(tmp_path / "tmp.jsonl", [*start("a", 0, 0), b'{"ts": "20', *start("a", 1, 1e3)])
    second = parts_of_file(path)[1]
    assert len(list(second.lines())) == 50


def test_foreign_files(tmp_path: Path) -> None:
    """Files of others, empty ones, and journals are no runs."""
    write(tmp_path / "data.jsonl", [b'{"text": "a"}'])
    write(tmp_path / "empty.jsonl", [])
    write(tmp_path / "otlp" / "rank0000" / "tmp.jsonl", start("a", 0, 0))
    assert find_runs(tmp_path) == []


def test_ranks_of_a_real_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files of all ranks are one run, those in the folder apart too; a second run is another one."""
    for rank in (0, 1):
        place(monkeypatch, rank)
        with otel_mmlog.init(
            "tmp",
            work_dir=tmp_path / "w",
            console=False,
            distributed=True,
            layout="separate" if rank else "shared",
            run_id="job",
        ) as run:
            train(run)
    place(monkeypatch, 0, 1)
    with otel_mmlog.init("tmp", work_dir=tmp_path / "w", console=False, run_id="other") as run:
        train(run)
    found = find_runs(tmp_path)
    assert [(run.run_id, run.name, run.ranks) for run in found] == [
        ("job", "tmp", [0, 1]),
        ("other", "tmp", [0]),
    ]
    assert {run.work_dir for run in found} == {tmp_path / "w"}


def test_order(tmp_path: Path) -> None:
    """The run that began first comes first."""
    for name, time_s in (("a", 2.0), ("b", 1.0), ("c", 3.0)):
        write(tmp_path / name / "tmp.jsonl", [record_line(1, {}, run_id=name, time_s=BEGAN_S + time_s)])
    assert [run.run_id for run in find_runs(tmp_path)] == ["b", "a", "c"]


def test_file_that_cannot_be_read_hides_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is left out and named; one that is asked for itself is an error."""
    for name in ("a", "b"):
        write(tmp_path / name / f"{name}.jsonl", start(name, 0, 0))
    real = find.parts_of_file

    def parts_of_file(path: Path) -> list[find.Part]:
        if path.name == "b.jsonl":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(find, "parts_of_file", parts_of_file)
    left_out: list[Path] = []
    assert [run.run_id for run in find_runs(tmp_path, left_out)] == ["a"]
    assert left_out == [tmp_path / "b" / "b.jsonl"]
    with pytest.raises(PermissionError):
        find_runs(tmp_path / "b" / "b.jsonl")
