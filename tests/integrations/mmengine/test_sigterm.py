"""SIGTERM while a Runner trains."""

import signal
from pathlib import Path

from tests.journals import read_journals
from tests.processes import run_python

TRAINS = """
import os, signal, sys, time, warnings
warnings.simplefilter("ignore")
from pathlib import Path
from mmengine.hooks import Hook
from otel_mmlog.integrations.mmengine import MMEngineInstrumentor
from tests.integrations.mmengine.runners import make_runner

class Terminates(Hook):
    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        print("iteration", runner.iter, flush=True)
        if runner.iter == 3:
            os.kill(os.getpid(), signal.SIGTERM)

MMEngineInstrumentor().instrument()
make_runner(Path(sys.argv[1]), custom_hooks=[Terminates()]).train()
"""


def test_sigterm_in_training(tmp_path: Path) -> None:
    """The run is closed at once: Runner.train, which is wrapped, is no call of ours that has to return first."""
    done = run_python(TRAINS, tmp_path / "run")
    assert done.returncode == -signal.SIGTERM, done.stderr[-2000:]
    assert [line for line in done.stdout.splitlines() if line.startswith("iteration")][-1] == "iteration 3"
    spans = {span.name: span.status for span in read_journals(tmp_path / "run").spans}
    assert spans == {"mmlog.run": 2, "mmlog.train": 2, "mmlog.epoch": 2}
