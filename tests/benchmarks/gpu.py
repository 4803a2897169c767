"""What logging costs a real training step: a transformer block, in bf16, on a GPU if there is one.

Eight tensors a step, written every `INTERVAL` steps, as each logger's users have it: mmengine's hub reads each tensor
when it gets it, wandb and TensorBoard get the tensors of the step that is written.
"""

import gc
import logging
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tests.benchmarks.delivery import variables
from tests.benchmarks.harness import Cost
from tests.benchmarks.peer_process import INTERVAL, PEERS, Step, is_installed
from tests.benchmarks.table import Row, Target, compare

NAME = "gpu"
_WARM_STEPS = 3 * INTERVAL
_BARE = "no logging"
_MOST = Target("ratio", 1.02)
Train = Callable[[], Mapping[str, Any]]


class Block(nn.Module):
    """A transformer block that learns to give its input back."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.attention = nn.MultiheadAttention(width, 8, batch_first=True)
        self.wide = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        normed = self.norms[0](x)
        x = x + self.attention(normed, normed, normed, need_weights=False)[0]
        return x + self.wide(self.norms[1](x))  # type: ignore[no-any-return]  # torch's modules return Any


class Training:
    """One training on one device.

    Args:
        device: ``"cuda"`` or ``"cpu"``.
        width: Of the block.
        tokens: In a batch of eight.
    """

    def __init__(self, device: str, width: int, tokens: int) -> None:
        torch.manual_seed(0)
        self._device = device
        self._block = Block(width).to(device)
        self._forward: Callable[..., torch.Tensor] = self._block
        self._weights: list[torch.Tensor] = list(self._block.parameters())
        self._batch = torch.randn(8, tokens, width, device=device)

    def eager(self) -> Train:
        """The step as it is written."""
        return self._step

    def compiled(self) -> Train:
        """The step with its forward and backward compiled."""
        self._forward = torch.compile(self._block)
        return self._step

    def graph(self) -> Train:
        """The step as a CUDA graph: the tensors are the same in each replay."""
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                self._step()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            values = self._step()

        def replay() -> Mapping[str, Any]:
            graph.replay()
            return values

        return replay

    def _step(self) -> Mapping[str, Any]:
        with torch.autocast(self._device, torch.bfloat16):
            out = self._forward(self._batch)
            errors = (out.float() - self._batch).square()
            loss = errors.mean()
        loss.backward()
        with torch.no_grad():
            gradients = [weight.grad for weight in self._weights if weight.grad is not None]
            norm = torch.stack([gradient.norm() for gradient in gradients]).norm()
            torch._foreach_add_(self._weights, gradients, alpha=-1e-4)
            for gradient in gradients:
                gradient.zero_()
            first, last = errors[0].mean(), errors[-1].mean()
            return {
                "loss": loss.detach(),
                "loss_first": first,
                "loss_last": last,
                "grad_norm": norm,
                "out_max": out.detach().max(),
                "out_mean": out.detach().float().mean(),
                "out_std": out.detach().float().std(),
                "error_max": errors.detach().max(),
            }


def rows(*, quick: bool) -> Iterator[Row]:
    """Yield a row for each logger that is installed, in each way to run the step."""
    has_cuda = torch.cuda.is_available()
    device, width, tokens = ("cuda", 1024, 512) if has_cuda else ("cpu", 32, 8)
    ways = ("eager", "compiled", "graph") if has_cuda else ("eager",)
    steps, rounds = (INTERVAL, 1) if quick else (50 * INTERVAL, 7)
    if not has_cuda:
        torch.set_num_threads(1)
    for way in ways:
        step = getattr(Training(device, width, tokens), way)()
        for _ in range(_WARM_STEPS):
            step()
        costs: dict[str, list[Cost]] = {name: [] for name in _loggers()}
        names = list(costs)
        for round_ in range(rounds):
            first = round_ % len(names)
            for name in names[first:] + names[:first]:
                costs[name].append(_time(step, name, steps))
        for name in names:
            if name != _BARE:
                what = f"a step of a block, {way}, on {device}, with {name}"
                target = _MOST if has_cuda and name == "otel-mmlog deferred" else None
                sides = (costs[name], costs[_BARE])
                yield compare(
                    NAME,
                    what,
                    sides,
                    clock="wall" if has_cuda else "cpu",
                    unit="us",
                    peer=_BARE,
                    target=target,
                )


def _loggers() -> Mapping[str, Callable[[Path], Any]]:
    ours = PEERS["otel-mmlog"][0]
    others = [name for name in ("mmengine", "wandb offline", "tensorboard") if is_installed(name)]
    return {
        _BARE: lambda _folder: iter([lambda _values: None]),
        "otel-mmlog": ours,
        "otel-mmlog deferred": ours,
        **{name: PEERS[name][0] for name in others},
    }


def _time(step: Train, name: str, steps: int) -> Cost:
    """Train with a logger, opened and closed outside of the time."""
    deferred = {"OTEL_MMLOG_DEFERRED": str(name.endswith("deferred")).lower()}
    with tempfile.TemporaryDirectory() as folder, variables(deferred), _quiet():
        ways = _loggers()[name](Path(folder))
        log: Step = next(ways)
        for _ in range(INTERVAL):
            log(step())
        _finish()
        gc.collect()
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        for _ in range(steps):
            log(step())
        _finish()
        cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - wall_s
        next(ways, None)
    return Cost(wall_s / steps, cpu_s / steps)


@contextmanager
def _quiet() -> Iterator[None]:
    """Let nobody print, and MMEngine begin with no instance of a round before."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    for logger in logging.root.manager.loggerDict.values():
        if isinstance(logger, logging.Logger) and logger.name == "bench":
            logger.handlers.clear()
    if is_installed("mmengine"):
        from tests.benchmarks import theirs  # noqa: PLC0415 - loads MMEngine

        for kind in (theirs.MMLogger, theirs.MessageHub, theirs.Visualizer):
            kind._instance_dict.clear()


def _finish() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
