"""What must hold of telemetry whatever the clock did: order, durations, estimates and ages."""

import itertools
from collections.abc import Sequence

from otel_mmlog.otel import semconv
from otel_mmlog.testing.items import Log, Point, Span
from tests.faults.outcome import unless

_SLACK = 5.0  # times what was meant: the machine may be busy
_NEAR_S = 60.0


def wrong_records(logs: Sequence[Log], steps: int, step_s: float, trained_s: float) -> list[str]:
    """What is wrong with the order, the estimates and the times of a training's records."""
    numbered = sorted(
        (log for log in logs if semconv.SEQ in log.attributes),
        key=lambda log: int(log.attributes[semconv.SEQ]),
    )
    numbers = [log.attributes[semconv.SEQ] for log in numbered]
    wrong = unless(numbers == list(range(len(numbers))), "seq has gaps")
    records = [log.attributes for log in numbered if log.event_name == "mmlog.train.iter"]
    iterations = [record["iter"] for record in records]
    wrong += unless(
        iterations == sorted(set(iterations)) and iterations[-1:] == [steps],
        f"by seq the iterations are {iterations}",
    )
    for record in records:
        left_s = (steps - record["iter"]) * step_s
        at_most_s = max(_SLACK * left_s, trained_s) + 1
        wrong += unless(0 <= record["eta"] <= at_most_s, f"at {record['iter']} the ETA is {record['eta']} s")
        wrong += unless(
            0 < record["time"] <= trained_s, f"at {record['iter']} a step took {record['time']} s"
        )
        wrong += unless(0 <= record["data_time"] <= trained_s, f"its data took {record['data_time']} s")
    behind = [log.body for log in logs if "behind" in str(log.body)]
    return wrong + unless(not behind, f"it was told that {behind}")


def wrong_spans(spans: Sequence[Span], lasted_s: float, *, around: int) -> list[str]:
    """What is wrong with spans: none may be shorter than nothing, or longer than all."""
    found = [span for span in spans if span.name == "around"]
    wrong = unless(len(found) == around, f"{len(found)} spans around the changes")
    for span in spans:
        took_s = (span.end_ns - span.start_ns) / 1e9
        wrong += unless(0 <= took_s <= 1.5 * lasted_s + 1, f"the span {span.name} took {took_s:.3f} s")
        if span.name == "around":
            wrong += unless(took_s > 0, "a span of 20 steps took no time")
    return wrong


def wrong_points(points: Sequence[Point], logs: Sequence[Log], trained_s: float) -> list[str]:
    """What is wrong with points: ages are of this training, and the last ones are of its end."""
    lags = [point.value for point in points if point.name == semconv.DELIVERY_LAG and not point.flags]
    wrong = unless(bool(lags), "the lag of the delivery was never told")
    wrong += unless(all(0 <= (lag or 0) <= trained_s + 5 for lag in lags), f"the delivery's lag is {lags} s")
    end_ns = max(logs, key=lambda log: int(log.attributes.get(semconv.SEQ, -1))).time_ns
    last = [point for _, group in _by_series(points) for point in group[-1:]]
    late = {point.name for point in last if abs(point.time_ns - end_ns) > _NEAR_S * 1e9}
    wrong += unless(not late, f"the last points of {sorted(late)} are not of the end of the run")
    for (name, *_), group in _by_series(points):
        times = [point.time_ns // 1_000_000 for point in group]
        wrong += unless(len(set(times)) == len(times), f"two points of {name} are of one millisecond")
    return wrong


def _by_series(points: Sequence[Point]) -> list[tuple[tuple[str, str], list[Point]]]:
    """The points of each series, in the order in which they arrived."""
    keyed = sorted(points, key=_series)
    return [(key, list(group)) for key, group in itertools.groupby(keyed, key=_series)]


def _series(point: Point) -> tuple[str, str]:
    return point.name, str(sorted(point.attributes.items()))
