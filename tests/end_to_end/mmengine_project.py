"""A project as users of MMEngine have it: a training script that knows nothing of us, a model, a config."""

from pathlib import Path

TRAIN = """
import argparse

import torch
from mmengine.config import Config, DictAction
from mmengine.registry import RUNNERS
from mmengine.runner import Runner


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("config")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--launcher", default="none")
    parser.add_argument("--cfg-options", nargs="+", action=DictAction, default={})
    args = parser.parse_args()
    cfg = Config.fromfile(args.config)
    cfg.launcher = args.launcher
    cfg.resume = args.resume
    cfg.merge_from_dict(args.cfg_options)
    if args.launcher == "pytorch":
        torch.distributed.init_process_group("gloo")
    runner = RUNNERS.build(cfg) if "runner_type" in cfg else Runner.from_cfg(cfg)
    runner.train()


if __name__ == "__main__":
    main()
"""
"""Builds the runner by the registry where the config names one; several ranks meet by gloo, which needs no GPU."""

SEVERAL = """
from mmengine.config import Config
from mmengine.runner import Runner


def build(name, **changes):
    cfg = Config.fromfile("cfg.py")
    cfg.experiment_name, cfg.work_dir = name, f"work/{name}"
    for key, value in changes.items():
        cfg[key] = value
    return Runner.from_cfg(cfg)


loop = dict(by_epoch=False, max_iters=10, val_interval=5)
build("iters", train_cfg=loop, log_processor=dict(window_size=4, by_epoch=False), default_hooks={}).train()
alone = build("alone", log_level="debug")
alone.val()
alone.test()
broken = dict(type="ToyModel", backbone=dict(type="ToyBackbone", width=4), fault="raise", fault_at=3)
build("broken", model=broken).train()
"""
"""Runners one after the other; the last one fails."""

MACHINE = """
import atexit
import os

import torch
import train


def be(local_rank):
    os.environ["RANK"] = str(56 + local_rank)
    os.environ["LOCAL_RANK"] = str(local_rank)
    codes = [1]
    atexit.register(lambda: os._exit(codes[0]))  # behind the run's; the interpreter's own end takes a second
    train.main()
    codes[0] = 0


if __name__ == "__main__":
    torch.optim.SGD([torch.zeros(1)])  # loads much, which the children would do eight times
    children = []
    for local_rank in range(8):
        pid = os.fork()
        if not pid:
            be(local_rank)
            break
        children.append(pid)
    else:
        codes = [os.waitpid(pid, 0)[1] for pid in children]
        assert codes == [0] * 8, codes
"""
"""Starts the eight ranks of the last of eight machines, which load torch once and never meet."""

TOY = """
import os
import signal

import torch
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, METRICS, MODELS
from torch.utils.data import Dataset


@DATASETS.register_module()
class ToyData(Dataset):
    def __init__(self, size):
        points = torch.linspace(-1, 1, size)
        self.pairs = [(torch.stack([x, x * x]), 2 * x + 1) for x in points]

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, index):
        return self.pairs[index]


@MODELS.register_module()
class ToyBackbone(torch.nn.Linear):
    def __init__(self, width):
        super().__init__(2, width)


@MODELS.register_module()
class ToyModel(BaseModel):
    def __init__(self, backbone, fault=None, fault_at=0):
        super().__init__()
        self.backbone = MODELS.build(backbone)
        self.head = torch.nn.Linear(self.backbone.out_features, 1)
        self.fault = fault
        self.steps_left = fault_at

    def forward(self, points, targets, mode="tensor"):
        found = self.head(self.backbone(points))[:, 0]
        if mode != "loss":
            return [(found - targets).abs().mean()]
        self.steps_left -= 1
        if self.fault and self.steps_left < 0:
            self.fail()
        return {"loss": (found - targets).square().mean()}

    def fail(self):
        if self.fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise RuntimeError("the toy model broke")


@METRICS.register_module()
class ToyError(BaseMetric):
    def process(self, data_batch, data_samples):
        self.results += [float(each) for each in data_samples]

    def compute_metrics(self, results):
        return {"error": sum(results) / len(results)}
"""

CONFIG = """
data = dict(batch_size=4, num_workers=0, collate_fn=dict(type="default_collate"))
custom_imports = dict(imports=["toy"])
work_dir = "work"
model = dict(type="ToyModel", backbone=dict(type="ToyBackbone", width=4))
train_dataloader = dict(
    **data, dataset=dict(type="ToyData", size=40), sampler=dict(type="DefaultSampler", shuffle=False)
)
val_dataloader = dict(
    **data, dataset=dict(type="ToyData", size=12), sampler=dict(type="DefaultSampler", shuffle=False)
)
test_dataloader = val_dataloader
val_evaluator = dict(type="ToyError")
test_evaluator = val_evaluator
train_cfg = dict(by_epoch=True, max_epochs=2, val_interval=1)
val_cfg = dict()
test_cfg = dict()
optim_wrapper = dict(optimizer=dict(type="SGD", lr=0.01))
default_hooks = dict(
    logger=dict(type="LoggerHook", interval=2),
    checkpoint=dict(type="CheckpointHook", interval=1),
)
log_processor = dict(
    type="LogProcessor",
    window_size=4,
    custom_cfg=[
        dict(data_src="loss", method_name="mean", window_size="global", log_name="loss_global"),
        dict(data_src="time", method_name="mean", window_size=2, log_name="time_2"),
    ],
)
randomness = dict(seed=3)
experiment_name = "toy"
"""


def write_project(folder: Path) -> Path:
    """Write scripts, ``toy.py`` and ``cfg.py`` into a folder, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    scripts = {"train": TRAIN, "several": SEVERAL, "machine": MACHINE, "toy": TOY, "cfg": CONFIG}
    for name, text in scripts.items():
        (folder / f"{name}.py").write_text(text.lstrip("\n"))
    return folder
