"""Samples as OpenMetrics text.

::

    # TYPE mmlog_train_loss gauge
    mmlog_train_loss{method="mean",rank="0"} 0.84 1787281121.123
    # EOF
"""

from collections.abc import Iterator, Sequence

from otel_mmlog.cli.openmetrics.samples import Series
from otel_mmlog.cli.openmetrics.spool import SampleSpool

_SPECIAL = {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}
_MAX_LINES = 1 << 16


def text_parts(series: Sequence[Series], spool: SampleSpool) -> Iterator[tuple[str, int]]:
    """Yield the text in parts, by family, series and time, each with the number of samples in it.

    Args:
        series: By number.
        spool: Their samples.

    Raises:
        OSError: The disk is full.
    """
    order = sorted(range(len(series)), key=series.__getitem__)
    family = ""
    for number, times_ms, values in spool.series(order):
        of = series[number]
        if of.family != family:
            family = of.family
            yield f"# TYPE {family} {of.type}\n", 0
        for start in range(0, len(times_ms), _MAX_LINES):
            part = slice(start, start + _MAX_LINES)
            lines = _lines(of.text, times_ms[part].tolist(), values[part].tolist())
            yield "".join(lines), len(lines)
    yield "# EOF\n", 0


def _lines(text: str, times_ms: Sequence[int], values: Sequence[float]) -> list[str]:
    return [
        f"{text} {_number(value)} {time_ms // 1000}.{time_ms % 1000:03d}\n"
        for time_ms, value in zip(times_ms, values, strict=True)
    ]


def _number(value: float) -> str:
    written = repr(value)
    return _SPECIAL.get(written, written)
