"""MMEngine on the last of eight machines, none of which sees the disk of another."""

from pathlib import Path

from tests.end_to_end.mmengine_runs import finish, options, start
from tests.journals import json_lines, text_lines

RANKS_OF_MACHINE = range(56, 64)
MACHINE = {
    "TORCHELASTIC_RUN_ID": "job",
    "WORLD_SIZE": "64",
    "LOCAL_WORLD_SIZE": "8",
    "GROUP_RANK": "7",
    "MASTER_ADDR": "10.0.0.1",
    "MASTER_PORT": "29500",
}


def test_the_last_of_eight_machines(tmp_path: Path) -> None:
    """Eight processes that never meet have files by the launcher's ranks, in a folder of the experiment's name."""
    changes = options(
        "log_level=DEBUG",
        "experiment_name=exp_name",
        "work_dir=work_dir",
        "default_hooks.checkpoint=None",
        "train_cfg.max_epochs=1",
    )
    finish(start(tmp_path, *changes, script="machine.py", variables=MACHINE), tmp_path)
    folder = tmp_path / "work_dir" / "exp_name_logs"
    stems = {rank: f"exp_name_rank{rank}" for rank in RANKS_OF_MACHINE}
    expected = [f"{stem}.{kind}" for stem in stems.values() for kind in ("jsonl", "log")]
    assert sorted(path.name for path in folder.iterdir()) == sorted(expected)
    assert not list((tmp_path / "work_dir").glob("*.log"))
    for rank, stem in stems.items():
        lines = json_lines(folder / f"{stem}.jsonl")
        assert {(line["rank"], line["run_id"], line["attempt"]) for line in lines} == {(rank, "job", 0)}
        assert sum("Epoch(train)" in line for line in text_lines(folder / f"{stem}.log")) == 5
        assert lines[-1]["event"].startswith("Journal: ")
