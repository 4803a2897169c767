"""``torch.compile``: the step is one graph where its tensors are logged outside, and a log call inside does no harm."""

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import MakeRun
from tests.journals import tags


@pytest.fixture(autouse=True)
def fresh_compiler() -> Iterator[None]:
    """No compiled code, and no warnings of torch's own about what it loads."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torch._dynamo  # noqa: PLC0415 - takes a second

        torch._dynamo.reset()
        torch._dynamo.utils.counters.clear()
        yield


def compiled(step: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    return torch.compile(step, backend="eager", **options)


def test_tensors_that_a_step_returns(make_run: MakeRun, tmp_path: Path) -> None:
    """The documented way: the compiled step returns its tensors, and is one graph."""

    def step(values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        squares = (values * values).sum()
        return squares, squares.sqrt()

    whole = compiled(step, fullgraph=True)
    with make_run(interval=1, window_size=1) as run:
        for value in run.train([1.0, 2.0, 3.0]):
            loss, norm = whole(torch.full((4,), value))
            run.log(loss=loss, grad_norm=norm)
    assert tags(tmp_path, "loss") == [4, 16, 36]
    assert tags(tmp_path, "grad_norm") == [2, 4, 6]
    assert not torch._dynamo.utils.counters["graph_break"]


def test_log_in_a_compiled_step(make_run: MakeRun, tmp_path: Path) -> None:
    """A log call inside is one graph break: nothing of it is compiled, and the values are right."""
    with make_run(interval=1, window_size=1) as run:

        def step(values: torch.Tensor) -> torch.Tensor:
            loss = (values * values).sum()
            run.log(loss=loss, lr=0.5)
            return loss + 1

        with_break = compiled(step)
        results = [with_break(torch.full((4,), value)).item() for value in run.train([1.0, 2.0, 3.0])]
    assert results == [5, 17, 37]
    assert tags(tmp_path, "loss") == [4, 16, 36]
    breaks = torch._dynamo.utils.counters["graph_break"]
    assert sum(breaks.values()) == 1
    assert "Run.log" in next(iter(breaks))
