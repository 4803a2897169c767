"""What runs are called side by side."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from otel_mmlog.runs.config import flatten
from otel_mmlog.runs.labels import labels, setting_of
from otel_mmlog.runs.python_config import read_python_config
from otel_mmlog.runs.series import Series
from otel_mmlog.runs.sources import Fits, Source


def source(name: str, config: Mapping[str, Any], run_id: str = "0123456789abcdef0") -> Source:
    def read(_fits: Fits, _rank: int, _samples: int) -> dict[str, Series]:
        return {}

    return Source("digits", Path("work_dirs") / name, run_id, 0.0, (0,), flatten(config), read)


@pytest.mark.parametrize(
    ("configs", "expected"),
    [
        ([{"lr": 0.1, "depth": 18}, {"lr": 0.2, "depth": 18}], ["lr 0.1", "lr 0.2"]),
        ([{"optim": {"lr": 0.1}}, {"optim": {"lr": 1e-05}}], ["lr 0.1", "lr 1e-05"]),
        (
            [{"a": {"lr": 1}, "b": {"lr": 2}}, {"a": {"lr": 3}, "b": {"lr": 4}}],
            ["a.lr 1, b.lr 2", "a.lr 3, b.lr 4"],
        ),
        ([{"lr": 1}, {"lr": 1, "seed": 2}], ["digits", "seed 2"]),
        ([{"lr": 1, "work_dir": "work_dirs/0"}, {"lr": 1, "work_dir": "work_dirs/1"}], ["0", "1"]),
        ([{}, {}], ["0", "1"]),
        ([{"lr": 1}, {"lr": 1}, {"lr": 2}], ["lr 1, 0", "lr 1, 1", "lr 2"]),
        ([{"lr": "a\x1b[31m"}, {"lr": "b"}], ["lr a\\x1b[31m", "lr b"]),
    ],
)
def test_labels_say_what_differs(configs: list[dict[str, Any]], expected: list[str]) -> None:
    """The settings that are not the same in all, by their short names where these are clear; else the folder."""
    assert labels([source(str(at), config) for at, config in enumerate(configs)]) == expected


def test_of_many_settings_the_telling_ones() -> None:
    """Where much differs, no more settings are named than tell the runs apart."""
    configs = [{"seed": at, **{f"x{n}": at % 2 for n in range(9)}} for at in range(4)]
    assert labels([source(str(at), config) for at, config in enumerate(configs)]) == [
        f"seed {at}" for at in range(4)
    ]


def test_no_two_are_alike() -> None:
    """Runs that are the same in everything are numbered."""
    assert labels([source("a", {}), source("a", {})]) == ["digits #1", "digits #2"]


def test_ids_are_short_and_where_they_are_needed() -> None:
    """Only runs that nothing else tells apart have theirs, 8 digits of it; one that a person has chosen is whole."""
    ids = ("8893e784aa2a0f5c", "67b76757a611c505", "nightly-run-of-monday")
    same = [source("a", {"seed": 1}, run_id) for run_id in ids]
    bare = [source("b", {}, f"{digit}" * 16) for digit in range(2)]
    assert labels([*bare, *same]) == [
        "digits, 00000000",
        "digits, 11111111",
        "seed 1, 8893e784",
        "seed 1, 67b76757",
        "seed 1, nightly-run-of-monday",
    ]


def test_setting_of_numbers() -> None:
    """One number that differs is what runs can be ordered by."""
    assert setting_of([source("a", {"lr": 0.1}), source("b", {"lr": 1})]) == [0.1, 1.0]
    assert setting_of([source("a", {"lr": "x"}), source("b", {"lr": 1})]) is None
    assert setting_of([source("a", {"lr": 1, "d": 1}), source("b", {"lr": 2, "d": 2})]) is None


def test_python_config_is_not_run(tmp_path: Path) -> None:
    """The assignments of a file are read; what is no literal is shown as its source, without its texts."""
    path = tmp_path / "config.py"
    path.write_text(
        "model = dict(type='Net', depths=[1, 2], head=dict({'a-b': 1}, x=None), api_key='secret')\nlr = -0.5\n"
        "evil = __import__('os').system('touch evil', 3)\nclient = dict(to=[Client(f'secret{1}')])\nimport os\n"
    )
    assert read_python_config(path) == {
        "model": {
            "type": "Net",
            "depths": [1, 2],
            "head": {"a-b": 1, "x": None},
            "api_key": "***",
        },
        "lr": -0.5,
        "evil": "__import__('***').system('***', 3)",
        "client": {"to": ["Client(f'***{1}')"]},
    }
    path.write_text("no python (")
    assert read_python_config(path) == {}
