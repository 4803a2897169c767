"""``otel-mmlog compare``: its tables, its JSON, and above all its exit code."""

import json
import math
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from otel_mmlog.cli.comparing.metrics import Tolerance, metric_of
from otel_mmlog.cli.main import main
from otel_mmlog.runs.series import Series
from tests.plots.runs import RunFile


def compare(*arguments: object) -> Result:
    """``otel-mmlog compare ...`` in this process, its stdout and stderr apart."""
    return CliRunner().invoke(main, ["compare", *map(str, arguments)], prog_name="otel-mmlog")


def run(folder: Path, accuracies: Sequence[float], **config: object) -> Path:
    """A run with a val loop; returns its folder."""
    file = RunFile(folder, run_id=f"run-{folder.name}")
    file.start(config)
    for epoch, accuracy in enumerate(accuracies, 1):
        file.record(epoch * 10, epoch=epoch, loss=1 - accuracy)
        file.record(epoch * 10, mode="val", epoch=epoch, accuracy=accuracy)
    return folder


def test_tables_are_these_characters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The runs, the settings that differ, and of each metric the best and the last values with their places."""
    run(tmp_path / "old", [0.5, 0.8], lr=0.1, depth=18)
    run(tmp_path / "new", [0.9, math.nan], lr=0.2, depth=18)
    monkeypatch.chdir(tmp_path)
    result = compare("old", "new", "--metric", "val/accuracy")
    assert result.exit_code == 0, result.output
    assert result.stdout == (
        "   run     folder  id\n"
        "A  digits  old     run-old\n"
        "B  digits  new     run-new\n"
        "\n"
        "setting  A    B\n"
        "lr       0.1  0.2\n"
        "\n"
        "metric                         A  at       B  at  change\n"
        "train/loss    lowest      0.2000  20  0.1000  10  -50.0%\n"
        "              last        0.2000  20     NaN  20\n"
        "              NaN or Inf       0           1\n"
        "val/accuracy  highest     0.8000  20  0.9000  10  +12.5%  ok\n"
        "              last        0.8000  20     NaN  20\n"
        "              NaN or Inf       0           1\n"
    )


@pytest.mark.parametrize(
    ("old", "new", "arguments", "code"),
    [
        ([0.8], [0.8], [], 0),
        ([0.8], [0.79], [], 1),
        ([0.8], [0.79], ["--tolerance", "1%"], 1),
        ([0.8], [0.792], ["--tolerance", "1%"], 0),
        ([0.8], [0.79], ["--tolerance", "0.01"], 0),
        ([0.8], [0.9], [], 0),
        ([0.8], [0.9], ["--best", "min"], 1),
        ([0.8, 0.7], [0.8, 0.6], [], 0),
        ([0.8, 0.7], [0.8, 0.6], ["--best", "last"], 1),
        ([0.8], [math.nan], ["--tolerance", "100%"], 1),
        ([math.nan], [0.1], [], 0),
        ([0.8], [0.9, math.nan], ["--best", "last"], 1),
        ([0.8, math.nan], [0.8, math.nan], ["--best", "last"], 0),
        ([math.nan], [math.nan], [], 0),
    ],
)
def test_exit_code(
    tmp_path: Path, old: list[float], new: list[float], arguments: list[str], code: int
) -> None:
    """1 if the second run is worse by more than is allowed, else 0."""
    pair = run(tmp_path / "old", old), run(tmp_path / "new", new)
    result = compare(*pair, "--metric", "val/accuracy", *arguments)
    assert result.exit_code == code, result.output
    assert ("worse" in result.stdout) == bool(code)


def test_less_of_a_loss_is_better(tmp_path: Path) -> None:
    """Which way is better is guessed from the name."""
    pair = run(tmp_path / "old", [0.5]), run(tmp_path / "new", [0.7])
    assert compare(*pair, "--metric", "loss").exit_code == 0
    assert compare(*reversed(pair), "--metric", "loss").exit_code == 1


def test_json(tmp_path: Path) -> None:
    """All of it for programs, NaN as the JSON lines have it."""
    pair = run(tmp_path / "old", [0.5, 0.8], lr=0.1), run(tmp_path / "new", [0.7, math.nan], lr=0.2)
    result = compare(*pair, "--metric", "accuracy", "--json")
    assert result.exit_code == 1
    data = json.loads(result.stdout)
    assert data["is_ok"] is False
    assert data["config"] == [{"name": "lr", "a": 0.1, "b": 0.2}]
    metric = data["metrics"][1]
    assert (metric["name"], metric["is_worse"]) == ("val/accuracy", True)
    assert metric["b"] == {"last": "NaN", "last_iter": 20, "best": 0.7, "best_iter": 10, "not_finite": 1}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--metric", "val/nope"], "A has no val/nope: it has train/loss, val/accuracy"),
        (["--tolerance", "1%"], "give one"),
        (["--metric", "loss", "--tolerance", "much"], "--tolerance much is no amount"),
        (["--metric", "loss", "--tolerance", "-1%"], "is no amount"),
    ],
)
def test_mistakes(tmp_path: Path, arguments: list[str], message: str) -> None:
    """A metric that is not there, or an option that makes no sense, is exit code 2."""
    folder = run(tmp_path / "old", [0.5])
    result = compare(folder, folder, *arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_metric_of_one_run_only(tmp_path: Path) -> None:
    """A pattern that finds more in one run than in the other is a mistake too."""
    old = run(tmp_path / "old", [0.5])
    RunFile(new := tmp_path / "new", run_id="b").start()
    result = compare(old, new, "--metric", "val/*")
    assert result.exit_code == 2
    assert "B has no val/accuracy: it has no scalars" in result.stderr


def test_nothing_in_common(tmp_path: Path) -> None:
    """It is said, and is no failure where nothing was to be judged."""
    RunFile(old := tmp_path / "old", run_id="a").start()
    new = run(tmp_path / "new", [0.5])
    result = compare(old, new)
    assert result.exit_code == 0
    told = "no metric in common: A has no scalars; B has train/loss, val/accuracy."
    assert told in result.stderr
    for folder in (old, new):
        RunFile(folder / "other", run_id="c").record(1, speed=1.0)
    assert "both have train/speed" in compare(old / "other", new / "other").stderr


def test_pattern_is_of_what_was_measured(tmp_path: Path) -> None:
    """A run that is slower, and ended earlier, is not worse in ``val/*``; it is in ``val/time``, by its name."""
    for name, time_s, last in (("old", 0.1, 20), ("new", 0.2, 10)):
        RunFile(tmp_path / name).record(last, mode="val", accuracy=0.5, time=time_s, iter=last)
    codes = [
        compare(tmp_path / "old", tmp_path / "new", "--metric", metric).exit_code
        for metric in ("val/*", "val/time")
    ]
    assert codes == [0, 1]


def test_newest_of_several(tmp_path: Path) -> None:
    """Of a folder of runs the newest counts, and is named."""
    run(tmp_path / "runs" / "x", [0.5])
    run(tmp_path / "runs" / "y", [0.6, 0.7])
    result = compare(tmp_path / "runs", tmp_path / "runs" / "x")
    assert result.exit_code == 0
    assert f"A: the newest of 2 runs in {tmp_path / 'runs'}, run-" in result.stderr


def test_folder_that_is_not_there(tmp_path: Path) -> None:
    """A wrong name is exit code 2 as well."""
    assert compare(tmp_path / "a", tmp_path / "b").exit_code == 2


NUMBERS = st.floats(-1e9, 1e9)


@given(NUMBERS, NUMBERS, st.floats(0, 2))
def test_worse_one_way_only(a: float, b: float, share: float) -> None:
    """No run is worse than itself, and no two are each worse than the other."""

    def is_worse(first: float, second: float) -> bool:
        pair = (Series("x", 0, [1], [first], [0.0], [1], [0]), Series("x", 0, [1], [second], [0.0], [1], [0]))
        return metric_of("x", pair, "max", Tolerance(share), is_checked=True).is_worse

    assert not is_worse(a, a)
    assert not is_worse(math.nan, math.nan)
    assert not (is_worse(a, b) and is_worse(b, a))
    if b > a:
        assert not is_worse(a, b)
