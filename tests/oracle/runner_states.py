"""Random states of a training run, the same for mmengine's classes and for ours."""

import random
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

NAMES = [
    "loss",
    "loss_cls",
    "time",
    "data_time",
    "lr",
    "base_lr",
    "grad_norm",
    "acc",
    "bbox/mAP",
    "n",
    "flag",
    "val/loss_x",
]
METHODS = ["mean", "max", "min", "current"]


@dataclass
class State:
    """One state: the scalars in the order in which they came, and all that a runner tells."""

    mode: str
    by_epoch: bool
    updates: list[tuple[str, Any, int]]
    infos: dict[str, Any]
    runner: dict[str, int]
    lengths: dict[str, int]
    has_train_loop: bool
    batch_idx: int
    config: dict[str, Any]


def random_state(rng: random.Random, non_scalars: list[Any]) -> State:
    """A state that a run could be in."""
    mode = rng.choice(["train", "train", "val", "test"])
    by_epoch = rng.random() < 0.6
    lengths = {name: rng.choice([1, 5, 10, 37, 100, 1234]) for name in ("train", "val", "test")}
    max_epochs, epoch = rng.choice([1, 3, 12, 100]), 0
    epoch = rng.randrange(max_epochs)
    iteration = rng.choice([0, 1, 7, 30, 250, 99_999])
    infos = {
        f"{rng.choice(['val', 'test', 'train'])}/{name}": value
        for name, value in zip("abc", non_scalars, strict=False)
    }
    if rng.random() < 0.8:
        infos["eta"] = rng.choice([0, 0.4, 59.99, 3600.5, 100_000, 1e7])
    if rng.random() < 0.3:
        infos["valid_note"] = "x"
    return State(
        mode=mode,
        by_epoch=by_epoch,
        updates=_updates(rng),
        infos=infos,
        runner={
            "epoch": epoch,
            "iter": iteration,
            "max_epochs": max_epochs,
            "max_iters": rng.choice([10, 1000, 123_456]),
        },
        lengths=lengths,
        has_train_loop=mode == "train" or rng.random() < 0.7,
        batch_idx=rng.randrange(lengths[mode]),
        config=_config(rng, by_epoch=by_epoch),
    )


def _updates(rng: random.Random) -> list[tuple[str, Any, int]]:
    updates: list[tuple[str, Any, int]] = []
    keys = [
        f"{mode}/{name}"
        for mode in ("train", "val", "test")
        for name in rng.sample(NAMES, rng.randrange(1, 8))
    ]
    keys += rng.sample(["trainer_x", "lr", "validity", "testing/loss"], rng.randrange(3))
    rng.shuffle(keys)
    for key in keys:
        kind = rng.choice(["float", "float", "int", "mixed", "bool", "wild"])
        times = rng.choice([1, 2, 9, 10, 11, 40])
        updates.extend((key, _value(rng, kind), rng.choice([1, 1, 1, 2, 16])) for _ in range(times))
    if rng.random() < 0.5:
        rng.shuffle(updates)
    return updates


def _value(rng: random.Random, kind: str) -> Any:
    if kind == "mixed":
        kind = rng.choice(["float", "int"])
    if kind == "int":
        return rng.choice([0, 1, -3, 17, 10**6, 2**40])
    if kind == "bool":
        return rng.random() < 0.5
    if kind == "wild":
        return rng.choice([float("nan"), float("inf"), float("-inf"), 1e300, -0.0, 1e-300])
    return rng.gauss(0, 10 ** rng.randrange(-4, 5))


def _config(rng: random.Random, *, by_epoch: bool) -> dict[str, Any]:
    windows: list[Any] = [1, 3, 10, 1000, "global", None]
    if by_epoch:
        windows.append("epoch")
    rules, taken = [], set()
    for _ in range(rng.randrange(5)):
        rule: dict[str, Any] = {"data_src": rng.choice(NAMES), "method_name": rng.choice(METHODS)}
        if rng.random() < 0.7:
            rule["log_name"] = f"{rule['data_src']}_{rng.choice(['best', 'global', 'lr', '2'])}"
        if rule["method_name"] != "current" and (not by_epoch or rng.random() < 0.8):
            rule["window_size"] = rng.choice(windows)
        name = rule.get("log_name", rule["data_src"])
        if name in taken or (not by_epoch and "window_size" not in rule):
            continue
        taken.add(name)
        rules.append(rule)
    config: dict[str, Any] = {
        "by_epoch": by_epoch,
        "window_size": rng.choice([1, 3, 10, 50]),
        "custom_cfg": rules,
    }
    config["num_digits"] = rng.choice([0, 2, 4, 4, 4, 9])
    config["log_with_hierarchy"] = rng.random() < 0.4
    if rng.random() < 0.3:
        config["mean_pattern"] = rng.choice([".*", "^acc", "train/.*", "(?i)LOSS", "lr$"])
    return config


def runner_of(state: State, hub: Any) -> SimpleNamespace:
    """An object with all the attributes of a Runner that a log processor reads."""
    for key, value, count in state.updates:
        hub.update_scalar(key, value, count)
    for key, value in state.infos.items():
        hub.update_info(key, value)
    loops = {
        f"{mode}_loop": SimpleNamespace(dataloader=range(length)) for mode, length in state.lengths.items()
    }
    train_loop = loops["train_loop"] if state.has_train_loop else None
    return SimpleNamespace(message_hub=hub, model=None, _train_loop=train_loop, **loops, **state.runner)
