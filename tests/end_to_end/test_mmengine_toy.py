"""The toy models of MMEngine's logging tutorial, on one rank at INFO and on two ranks at DEBUG."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.digits_runs import finish, journal
from tests.processes import REPOSITORY, environment

EXAMPLE = REPOSITORY / "examples" / "mmengine_toy.py"
PREFIX = "08/21 03:40:31 - mmengine - INFO - "
HUB_LINE = (
    "Epoch(train) [1][10/25]  lr: 1.0000e-02  eta: 0:00:00  time: 0.0019  data_time: 0.0004  "
    "loss_tmp: 0.0097  loss: 0.0000"
)
LOSSES_LINE = (
    "Epoch(train) [1][10/25]  lr: 1.0000e-02  eta: 0:00:00  time: 0.0019  data_time: 0.0004  "
    "loss: 1.7388  loss1: 0.8381  loss2: 0.9007"
)
RANKS = {0: "tmp", 1: "tmp_rank1"}


class Toys:
    """What both runs left: one of both models in ``work_dir``, one of two ranks in ``tmp``.

    Args:
        folder: Where they run.
    """

    def __init__(self, folder: Path) -> None:
        self.work_dir = folder / "toy"
        self.tmp = folder / "tmp"
        ranks = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
        distributed = ["--model", "message-hub", "--work-dir", str(self.tmp), "--log-level", "debug"]
        processes = [
            start([], ["--work-dir", str(self.work_dir), "--epochs", "2"]),
            start(ranks, distributed),
        ]
        self.printed, self.printed_by_ranks = [finish(each).splitlines() for each in processes]


def start(launcher: list[str], arguments: list[str]) -> "subprocess.Popen[str]":
    """Start the example as a user does."""
    variables = {
        name: value
        for name, value in environment().items()
        if not name.startswith(("OTEL_", "TORCHELASTIC_")) and name not in ("RANK", "WORLD_SIZE")
    }
    return subprocess.Popen(
        [sys.executable, *launcher, str(EXAMPLE), *arguments],
        env={**variables, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Toys:
    """Both runs, at the same time."""
    return Toys(tmp_path_factory.mktemp("toys"))


def shape(line: str) -> str:
    """A line with each digit as 0: what is left are the characters outside the numbers, and their digits' count."""
    return re.sub(r"\d", "0", line)


def epoch_lines(path: Path) -> list[str]:
    """The train lines of a text file, without what stands before them."""
    return [line.split(" - ", 3)[3] for line in path.read_text().splitlines() if " - Epoch(train) " in line]


def json_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a JSON file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def registry_lines(path: Path) -> list[str]:
    """What a text file says about the registries."""
    lines = [
        line.split(" - DEBUG - ", 1)[1] for line in path.read_text().splitlines() if " - DEBUG - " in line
    ]
    return [line for line in lines if line.startswith("Get class `") or "is built from registry" in line]


def test_the_console_has_the_tutorials_lines(toys: Toys) -> None:
    """Outside of the numbers each train line is the tutorial's, character by character, for both models."""
    printed = [line for line in toys.printed if "Epoch(train)" in line]
    assert [shape(line) for line in printed] == [shape(PREFIX + LOSSES_LINE)] * 4 + [
        shape(PREFIX + HUB_LINE)
    ] * 4
    positions = [re.search(r"\[\d+]\[\d+/\d+]", line) for line in printed]
    expected = ["[1][10/25]", "[1][20/25]", "[2][10/25]", "[2][20/25]"] * 2
    assert [found and found[0] for found in positions] == expected


def test_our_text_is_mmengines(toys: Toys) -> None:
    """The train lines of our file are those of the file that MMEngine itself writes."""
    for name in ("losses", "message-hub"):
        folder = toys.work_dir / name
        (theirs,) = folder.glob("2*/2*.log")
        assert len(epoch_lines(theirs)) == 4
        assert epoch_lines(folder / f"{name}.log") == epoch_lines(theirs)


def test_each_model_is_a_run(toys: Toys) -> None:
    """Two runners in one process are two runs, each with its own records, and neither has the other's values."""
    losses, hub = (json_lines(toys.work_dir / name / f"{name}.jsonl") for name in ("losses", "message-hub"))
    assert len({line["run_id"] for line in losses + hub}) == 2
    tags = [[line["tags"] for line in lines if "tags" in line] for lines in (losses, hub)]
    assert [len(each) for each in tags] == [4, 4]
    assert all({"loss1", "loss2"} <= each.keys() and "loss_tmp" not in each for each in tags[0])
    assert all("loss_tmp" in each and "loss1" not in each for each in tags[1])


def test_info_says_nothing_about_registries(toys: Toys) -> None:
    """At INFO there are no lines and no spans of the registries, and no files of other ranks."""
    folder = toys.work_dir / "message-hub"
    assert registry_lines(folder / "message-hub.log") == []
    assert {span.name for span in journal(folder, 0).spans} == {
        "mmlog.run",
        "mmlog.train",
        "mmlog.epoch",
        "mmlog.checkpoint.save",
    }


def test_debug_writes_each_ranks_files(toys: Toys) -> None:
    """At DEBUG there are text and JSON of both ranks, with each rank's own train lines; rank 0 alone prints."""
    assert {path.name for path in toys.tmp.glob("tmp*")} == {
        f"{stem}.{suffix}" for stem in RANKS.values() for suffix in ("log", "jsonl")
    }
    for rank, stem in RANKS.items():
        lines = epoch_lines(toys.tmp / f"{stem}.log")
        assert [shape(line) for line in lines] == [shape(HUB_LINE)] * 2
        records = [line for line in json_lines(toys.tmp / f"{stem}.jsonl") if "tags" in line]
        assert [record["rank"] for record in records] == [rank] * 2
    printed = [line.split(" - ", 3)[3] for line in toys.printed_by_ranks if "Epoch(train)" in line]
    assert printed == epoch_lines(toys.tmp / "tmp.log")


@pytest.mark.parametrize(("rank", "stem"), RANKS.items())
def test_debug_shows_the_registries(toys: Toys, rank: int, stem: str) -> None:
    """At DEBUG every rank's text has MMEngine's words on each get and build, and each is a span in its journal."""
    lines = registry_lines(toys.tmp / f"{stem}.log")
    for name, registry, module in (
        ("LocalVisBackend", "vis_backend", "mmengine.visualization.vis_backend"),
        ("IterTimerHook", "hook", "mmengine.hooks.iter_timer_hook"),
    ):
        get = f'Get class `{name}` from "{registry}" registry in "mmengine"'
        build = (
            f"An `{name}` instance is built from registry, and its implementation can be found in {module}"
        )
        assert [line for line in lines if line.startswith(get)]
        assert [line for line in lines if line.startswith(build)]
    spans = [(span.name, span.attributes.get("class")) for span in journal(toys.tmp, rank).spans]
    for kind in ("get", "build"):
        assert (f"mmlog.registry.{kind}", "IterTimerHook") in spans


def test_both_ranks_send_the_hubs_value(toys: Toys) -> None:
    """What the model put into MMEngine's hub leaves as a metric of each rank, with the window of its rule."""
    for rank in RANKS:
        points = [
            p for p in journal(toys.tmp, rank).points if p.name == "mmlog.train.loss_tmp" and not p.flags
        ]
        assert len(points) == 2
        assert {(p.attributes["rank"], p.attributes["method"], p.attributes["window"]) for p in points} == {
            (rank, "mean", "10")
        }
