"""Loader workers: processes that were forked from training, or that import its program again."""

from pathlib import Path

import pytest

from tests.integrations.mmengine.runners import name_of
from tests.journals import json_lines, read_journals
from tests.processes import run_python

WORKERS = """
import sys, warnings
warnings.simplefilter("ignore")
from pathlib import Path
import torch
from torch.utils.data import DataLoader, Dataset
from otel_mmlog.integrations.mmengine import MMEngineInstrumentor
MMEngineInstrumentor().instrument()


class Chatty(Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, index):
        from mmengine.logging import print_log
        from mmengine.registry import TRANSFORMS

        print_log(f"item {index} of {mode}", logger="current")
        TRANSFORMS.get("Absent")
        return torch.randn(4), torch.randn(1)


mode = sys.argv[2]
if __name__ == "__main__":
    from tests.integrations.mmengine.runners import make_runner

    loader = DataLoader(
        Chatty(), batch_size=2, num_workers=2, persistent_workers=True, multiprocessing_context=mode
    )
    runner = make_runner(
        Path(sys.argv[1]), train_dataloader=loader, val_dataloader=None, val_cfg=None, val_evaluator=None,
        log_level="DEBUG",
    )
    runner.train()
    print("trained", runner.iter)
"""


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_loader_workers(tmp_path: Path, context: str) -> None:
    """Persistent loader workers neither hang nor double anything; what forked ones log is in the files once."""
    script = tmp_path / "train.py"
    script.write_text(WORKERS)
    done = run_python(
        "import sys, runpy; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
        if context == "fork"
        else "import sys, subprocess; sys.exit(subprocess.call([sys.executable, *sys.argv[1:]]))",
        script,
        tmp_path / "work",
        context,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "trained 8" in done.stdout
    found = json_lines(tmp_path / "work" / f"{name_of(tmp_path / 'work')}.jsonl")
    lines = [event for event in found if event["event"].startswith("item ")]
    forked = {event["process.pid"] for event in lines}
    assert len(lines) == (16 if context == "fork" else 0)
    assert len(forked) == (2 if context == "fork" else 0)
    seqs = [event["seq"] for event in found if "process.pid" not in event and "seq" in event]
    assert len(seqs) == len(set(seqs))
    journal = read_journals(tmp_path / "work")
    started = [r.attributes for r in journal.logs if r.event_name == "mmlog.span.start"]
    assert len(started) == len(journal.spans)
    assert journal.unreadable_lines == 0
