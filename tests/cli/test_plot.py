"""``otel-mmlog plot``: what it takes, what it writes, and what it says of a mistake."""

import math
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from otel_mmlog.cli.main import main
from otel_mmlog.cli.plot import NO_MATPLOTLIB
from tests.plots.runs import RunFile, make_run


def plot(*arguments: object) -> Result:
    """``otel-mmlog plot ...`` in this process, its stdout and stderr apart."""
    return CliRunner().invoke(main, ["plot", *map(str, arguments)], prog_name="otel-mmlog")


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder of two runs, one with NaN."""
    make_run(tmp_path / "runs" / "a", [2.0, 1.0, 0.5], config={"lr": 0.1})
    make_run(tmp_path / "runs" / "b", [2.0, math.nan, math.inf], config={"lr": 0.2})
    return tmp_path / "runs"


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf", "html"])
def test_writes_what_the_name_says(runs: Path, tmp_path: Path, suffix: str) -> None:
    """A file of the kind of its suffix and nothing else; an old one is replaced."""
    output = tmp_path / "out" / f"loss.{suffix}"
    output.parent.mkdir()
    output.write_text("old")
    result = plot(runs, "-o", output, "--x", "time", "--smooth", "0.5", "--log-y", "--size", "5x3")
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert result.stderr == (
        f"train/loss of lr 0.2: 1 NaN, 1 Inf, first at iteration 20.\n{output}: 1 panel, 2 runs.\n"
    )
    assert output.stat().st_size > 3000
    assert list(output.parent.iterdir()) == [output]


def test_draws_into_a_pipe(runs: Path) -> None:
    """Plain text without escapes, a letter a run, and its legend."""
    result = plot(runs / "a", runs / "b")
    assert result.exit_code == 0
    assert "\x1b" not in result.stdout
    assert "train/loss  1 NaN (x)  1 Inf (^)" in result.stdout
    assert result.stdout.endswith("a lr 0.1\nb lr 0.2\n")


def test_takes_what_exists_for_folders(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What exists is a folder, what does not is a name; without a folder the current one is taken."""
    monkeypatch.chdir(runs)
    assert "lr 0.2" not in plot("a", "loss").stdout
    assert "lr 0.2" in plot("train/*").stdout


def test_rank(tmp_path: Path) -> None:
    """The scalars of another rank are in its file."""
    for rank in (0, 3):
        file = RunFile(tmp_path, rank=rank)
        file.start()
        file.losses([1.0 + rank, 2.0 + rank])
    assert plot(tmp_path).stdout.split()[:3] == ["train/loss", "2", "┤"]
    assert plot(tmp_path, "--rank", 3).stdout.split()[:3] == ["train/loss", "5", "┤"]
    assert "median, lowest and highest of 2 ranks" in plot(tmp_path, "--ranks").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["a", "-o", "x.gif"],
            "-o x.gif is no picture: give a name that ends with one of .png, .svg, .pdf, .html",
        ),
        (["a", "los"], "no scalar and no folder is 'los': did you mean train/loss?"),
        (["a", "acc"], "no scalar and no folder is 'acc': there are train/loss"),
        (["a", "--smooth", "1"], "--smooth 1.0 is no weight"),
        (["a", "--size", "big"], "--size big is no size"),
        (["a", "--rank", "7"], "no run has files of rank 7: there are those of 0"),
        (["a", "--ranks", "--rank", "0"], "--ranks and --rank are two things"),
        (["empty"], "there is no run in empty"),
        (["empty", "lost"], "there is no run in empty, and no folder is called 'lost'"),
    ],
)
def test_mistakes(runs: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str) -> None:
    """One sentence that says what to do, and exit code 2."""
    (runs / "empty").mkdir()
    monkeypatch.chdir(runs)
    result = plot(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not [path for path in runs.iterdir() if path.is_file()]


@pytest.mark.parametrize(
    "command", [["show"], ["plot"], ["report", "-o", "-"], ["ranks"], ["tail"], ["compare"]]
)
def test_file_that_cannot_be_read_is_named(runs: Path, command: list[str]) -> None:
    """Each command that reads runs says which file it leaves out, and goes on with the others."""
    (runs / "zz.jsonl").symlink_to("/proc/self/mem")  # which even root cannot read from its start
    folders = [runs] * (2 if command == ["compare"] else 1)
    result = CliRunner().invoke(main, [*command, *map(str, folders)])
    assert f"Left out, since it cannot be read: {runs / 'zz.jsonl'}.\n" in result.stderr
    assert "Check who" not in result.stderr


def test_folder_that_cannot_be_written(runs: Path) -> None:
    """The error names the file, and there is no traceback."""
    result = plot(runs, "-o", runs / "no" / "x.svg")
    assert result.exit_code == 1
    assert f"{runs / 'no' / 'x.svg'}: No such file or directory" in result.stderr


def test_reader_that_leaves(runs: Path) -> None:
    """What is cut off by `head` costs no words."""
    head = subprocess.run(
        f"{sys.executable} -m otel_mmlog plot {runs} --size 400x400 | head -1",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (head.stdout, head.stderr) == ("train/loss  1 NaN (x)  1 Inf (^)\n", "")


@pytest.mark.parametrize("command", ["plot", "compare"])
def test_help(command: str) -> None:
    """Examples, in lines that fit a terminal."""
    result = CliRunner().invoke(main, [command, "--help"])
    assert f"otel-mmlog {command} work_dirs/" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_without_matplotlib(runs: Path) -> None:
    """The terminal needs no matplotlib; a file does, and the error says how to get it."""
    code = "import sys; sys.modules['matplotlib'] = None; from otel_mmlog.cli.main import main; main()"
    terminal, picture = (
        subprocess.run(
            [sys.executable, "-c", code, "plot", str(runs), *more],
            capture_output=True,
            text=True,
            check=False,
        )
        for more in ([], ["-o", str(runs / "x.svg")])
    )
    assert (terminal.returncode, picture.returncode) == (0, 1)
    assert picture.stderr == f"Error: {NO_MATPLOTLIB}\n"
    assert not (runs / "x.svg").exists()


def test_mmengine_alone(tmp_path: Path) -> None:
    """What MMEngine left without this package is drawn too, and told apart by its config."""
    for depth in (18, 50):
        folder = tmp_path / f"resnet{depth}" / "20260101_000000" / "vis_data"
        folder.mkdir(parents=True)
        (folder / "config.py").write_text(f"model = dict(depth={depth})\nwork_dir = 'x/resnet{depth}'\n")
        lines = (f'{{"lr": 0.1, "loss": {1 / step}, "iter": {step}, "step": {step}}}\n' for step in (1, 2, 3))
        (folder / "scalars.json").write_text("".join(lines) + '{"acc": 0.5, "step": 3}\n')
    result = plot(tmp_path)
    assert result.exit_code == 0, result.output
    assert "train/loss" in result.stdout
    assert "val/acc" in result.stdout
    assert result.stdout.endswith("a depth 18\nb depth 50\n")
    assert "val/acc" in plot(tmp_path / "resnet18" / "20260101_000000" / "vis_data" / "scalars.json").stdout
