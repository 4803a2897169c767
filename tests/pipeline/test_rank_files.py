"""Which files a rank writes, in both layouts."""

import json
import logging
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_mmlog.core.checks import check_choice
from otel_mmlog.core.errors import ConfigError
from otel_mmlog.core.rank import Rank
from otel_mmlog.pipeline.line_file import LineFile
from otel_mmlog.pipeline.rank_files import (
    LAYOUTS,
    Layout,
    file_stem,
    rank_folder,
    rank_stem,
    writes_files,
)


def place(rank: int, world_size: int = 64, local: int = 8) -> Rank:
    return Rank(rank, rank % local, world_size, local, f"node{rank // local}", "torchrun")


def refuse_to_look() -> bool:
    raise AssertionError("the marker is nobody's business here")


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_stem_is_one_file_name(name: str) -> None:
    """No name leads out of the folder, hides its file or is too long for a file system."""
    stem = file_stem(name)
    assert stem
    assert "/" not in stem
    assert not stem.startswith(".")
    assert len(stem.encode()) <= 150


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("tmp", "tmp"),
        ("faster-rcnn_r50.1x", "faster-rcnn_r50.1x"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("实验 1", "实验_1"),
        ("...", "run"),
    ],
)
def test_stems(name: str, stem: str) -> None:
    """Letters of any script, digits, dots and dashes stay; the rest is an underscore."""
    assert file_stem(name) == stem


def test_who_writes() -> None:
    """Rank 0 always; the others in DEBUG or when all are asked to."""
    assert writes_files(place(0), level=logging.INFO, distributed=False)
    assert not writes_files(place(1), level=logging.INFO, distributed=False)
    assert writes_files(place(1), level=logging.DEBUG, distributed=False)
    assert writes_files(place(1), level=logging.ERROR, distributed=True)


def test_layouts(tmp_path: Path) -> None:
    """Shared files lie in the work_dir, separate ones in a folder of the experiment's."""
    assert rank_folder(tmp_path, "exp", "shared", place(9), refuse_to_look) == tmp_path
    assert rank_folder(tmp_path, "exp", "separate", place(0), refuse_to_look) == tmp_path / "exp_logs"


def test_auto_on_one_machine_is_shared(tmp_path: Path) -> None:
    """Ranks of one machine share its folder without looking for anything."""
    assert rank_folder(tmp_path, "exp", "auto", place(3, 8), refuse_to_look) == tmp_path


def test_auto_sees_the_marker(tmp_path: Path) -> None:
    """Where rank 0's marker shows up, within seconds, the folder is shared."""
    shown_s = time.monotonic() + 0.2
    folder = rank_folder(tmp_path, "exp", "auto", place(9), lambda: time.monotonic() > shown_s)
    assert folder == tmp_path


def test_auto_without_a_marker_is_separate(tmp_path: Path) -> None:
    """Where it does not, each machine has files of its own; the wait is bounded."""
    started_s = time.monotonic()
    assert rank_folder(tmp_path, "exp", "auto", place(9), lambda: False) == tmp_path / "exp_logs"
    assert time.monotonic() - started_s < 10


def test_unknown_layout() -> None:
    """The error lists the three layouts."""
    layouts: tuple[Layout, ...] = ("auto", "shared", "separate")
    assert [check_choice(layout, "layout", LAYOUTS) for layout in layouts] == list(layouts)
    with pytest.raises(ConfigError, match=r"layout is 'flat'.*'auto' .*'shared' .*'separate' "):
        check_choice("flat", "layout", LAYOUTS)


def test_rank_stems(tmp_path: Path) -> None:
    """Rank 0 has no suffix, the others have their number in the whole job."""
    assert rank_stem(tmp_path, "tmp", 0, "r") == "tmp"
    assert rank_stem(tmp_path, "tmp", 56, "r") == "tmp_rank56"


def test_living_run_keeps_its_file(tmp_path: Path) -> None:
    """A second run of the same name gets another file as long as the first lives, then the same one."""
    file = LineFile(tmp_path / "tmp.jsonl")
    assert rank_stem(tmp_path, "tmp", 0, "second") == "tmp_second"
    file.append(json.dumps({"run_id": "first"}))
    assert rank_stem(tmp_path, "tmp", 0, "second") == "tmp_second"
    assert rank_stem(tmp_path, "tmp", 0, "first") == "tmp"
    file.close()
    assert rank_stem(tmp_path, "tmp", 0, "second") == "tmp"
