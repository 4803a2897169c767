"""What an endpoint that is dead, silent or slow does to a training step of about 2 ms."""

import itertools
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import otel_mmlog
from tests.benchmarks.delivery import variables
from tests.benchmarks.full_path import INTERVAL
from tests.benchmarks.harness import Cost
from tests.benchmarks.receivers import fake
from tests.benchmarks.scalars import EIGHT, varied_steps
from tests.benchmarks.table import Row, compare

NAME = "endpoint"
_STEP_S = 0.002
_WARM_UP_S = 0.5
_DEAD = "http://127.0.0.1:9"
_SLOW_S = 2.0
_SILENT_S = 3600.0
_LEAVE = {"OTEL_MMLOG_CLOSE_TIMEOUT": "0", "OTEL_MMLOG_LINGER": "0"}


def rows(*, quick: bool) -> Iterator[Row]:
    """Yield the rows of this benchmark."""
    amount = calibrate(_STEP_S)
    steps = 20 if quick else 400
    times: dict[str, list[list[float]]] = {}
    with ExitStack() as servers:
        folder = Path(servers.enter_context(tempfile.TemporaryDirectory()))
        endpoints = {
            "no": None,
            "healthy": servers.enter_context(fake()).http,
            "dead": _DEAD,
            "silent": servers.enter_context(fake(delay_s=_SILENT_S)).http,
            "slow": servers.enter_context(fake(delay_s=_SLOW_S)).http,
        }
        names = list(endpoints)
        for round_ in range(1 if quick else 3):
            for name in (names * 2)[round_ % len(names) :][: len(names)]:
                work_dir = folder / f"{name}{round_}"
                times.setdefault(name, []).append(_steps(work_dir, endpoints[name], amount, steps))
    for name, (label, share) in itertools.product(names[1:], {"p50": 0.5, "p99": 0.99}.items()):
        yield compare(
            NAME,
            f"a 2 ms step, {name} endpoint, {label}",
            (_costs(times[name], share), _costs(times["no"], share)),
            clock="wall",
            unit="ms",
            peer="no endpoint",
        )


def _steps(work_dir: Path, endpoint: str | None, amount: int, steps: int) -> list[float]:
    """How many seconds each step of a training took, from one batch to the next, once its sender is up."""
    values = itertools.cycle(varied_steps(list(EIGHT)))
    where = {} if endpoint is None else {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
    took_s: list[float] = []
    with variables({**_LEAVE, **where}):
        run = otel_mmlog.init("step", work_dir=work_dir, console=False, interval=INTERVAL)
    began_s = last_s = time.perf_counter()
    for _ in run.train(itertools.count()):
        work(amount)
        run.log(next(values))
        now_s = time.perf_counter()
        if now_s - began_s > _WARM_UP_S:
            took_s.append(now_s - last_s)
        last_s = now_s
        if len(took_s) == steps:
            break
    run.close()
    return took_s


def _costs(rounds: Sequence[Sequence[float]], share: float) -> list[Cost]:
    """The quantile of each round."""
    quantiles_s = (sorted(took_s)[int(share * (len(took_s) - 1))] for took_s in rounds)
    return [Cost(took_s, took_s) for took_s in quantiles_s]


def work(amount: int) -> int:
    """Do something for a while: a step of a training that computes in Python."""
    return sum(number * number for number in range(amount))


def calibrate(step_s: float) -> int:
    """Return how much work takes so many seconds, at the best that this machine does."""
    amount = 10_000
    best_s = min(_time(amount) for _ in range(20))
    return round(amount * step_s / best_s)


def _time(amount: int) -> float:
    began_s = time.perf_counter()
    work(amount)
    return time.perf_counter() - began_s
