"""Odd values through every way into a run: ``python -m tests.faults.values.odd_ways WORK_DIR WAY [--full]``.

Each goes in between two that are not odd. What is counted goes to standard output as a line of JSON.
"""

import contextlib
import json
import logging
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import otel_mmlog
from tests.faults.values.odd import Odd, RaisingError, cyclic_dict, odd_values

BEFORE, AFTER = 1, 2
NAMES = (
    *(
        "n" * 10_000,
        "n" * 9_999 + "x",
        "m" * 300 + "1",
        "m" * 300 + "2",
        "a\ud800",
        "a\ufffd",
        "a\0b",
        "a\nb",
    ),
    *(" ", "ä/ö", "a.b", "a/b", "a_b", "event.name", "mmlog.seq", "\u202e", "1", "loss{rank}", '"', "\\"),
)
"""Names that somebody may give to something."""

IS_FULL = "--full" in sys.argv
MANY = 100_000 if IS_FULL else 15_000
ATTRIBUTES = 200
_lib = logging.getLogger("somebody.else")


def scalars(run: otel_mmlog.Run) -> None:
    """``run.log``, a step each."""
    values = list(odd_values(with_torch=IS_FULL))
    for odd in run.train(values):
        run.log({"before": BEFORE, odd.name: odd.make(), "after": AFTER})


def log_calls(run: otel_mmlog.Run) -> None:
    """``run.logger``, by keyword and bound."""
    for odd in odd_values(with_torch=IS_FULL):
        run.logger.info(f"call {odd.name}", before=BEFORE, odd=odd.make(), after=AFTER)
        run.logger.bind(before=BEFORE, odd=odd.make(), after=AFTER).warning(f"bound {odd.name}")


def stdlib_calls(run: otel_mmlog.Run) -> None:
    """Loggers of libraries: ``extra``, arguments and messages."""
    for odd in odd_values():
        _lib.info(f"extra {odd.name}", extra={"before": BEFORE, "odd": odd.make(), "after": AFTER})
        _lib.info(f"argument {odd.name} %s", odd.make())
        _lib.info(odd.make())
    _lib.info("keys", extra={1: "int", None: "none", "before": BEFORE})  # type: ignore[dict-item]


def span_attributes(run: otel_mmlog.Run) -> None:
    """Spans, of the run and of a tracer of the user's own."""
    tracer = run.tracer_provider.get_tracer("mine") if run.tracer_provider else None
    for odd in odd_values():
        with run.span(f"span {odd.name}", {"before": BEFORE, "odd": odd.make(), "after": AFTER}):
            pass
        assert tracer is not None
        text = odd.make() if odd.name in ("surrogate", "nul", "long_text", "int_2_70") else "kept"
        with tracer.start_as_current_span(f"mine {odd.name}", attributes={"before": BEFORE, "odd": text}):
            pass
    with contextlib.suppress(RaisingError), run.span("failing", {"before": BEFORE}):
        _fail()


def _fail() -> None:
    raise RaisingError("x") from RaisingError("y")


def settings(run: otel_mmlog.Run) -> None:
    """``run.config``."""
    for odd in odd_values():
        run.config.clear()
        run.config.update({"name": odd.name, "before": BEFORE, "odd": odd.make(), "after": AFTER})
        for _ in run.val(range(0)):
            pass


def own_tags(run: otel_mmlog.Run) -> None:
    """What a user's own statistics return, and what is no scalar in a hub."""
    for value in run.train(range(2)):
        run.log(before=BEFORE, source=value, after=AFTER)
    for odd in odd_values():
        run.hub.update_info(f"val/{odd.name}", odd.make())
    for _ in run.val(range(1)):
        run.log(before=BEFORE, after=AFTER)


def names(run: otel_mmlog.Run) -> None:
    """Names of scalars, of values, of attributes and of spans."""
    numbered = {name: index for index, name in enumerate(NAMES)}
    for _ in run.train(range(2)):
        run.log(numbered)
    run.logger.info("named", **{name: index for name, index in numbered.items() if name not in ("event",)})
    _lib.info("named elsewhere", extra=numbered)
    with run.span("named", numbered):
        pass
    run.config.update(numbered)


def calls(run: otel_mmlog.Run) -> None:
    """Calls that are wrong in themselves."""
    run.logger.info("wrong %d", "format")
    run.logger.info("few %s %s", 1)  # noqa: PLE1206 - as somebody may write it
    run.logger.info("many", 1, 2)  # noqa: PLE1205 - as somebody may write it
    run.logger.info(RaisingError(), before=BEFORE)  # type: ignore[arg-type]
    run.logger.info("internal", _record=1, _mmlog_record=2, level=3, logger=4, lineno=5, before=BEFORE)
    run.logger.info("flags", exc_info=(), stack_info="yes", before=BEFORE)
    run.logger.bind(loop=cyclic_dict()).error("bound", before=BEFORE)
    try:
        _fail()
    except RaisingError:
        run.logger.exception("raised", before=BEFORE)
        _lib.exception("raised elsewhere", extra={"before": BEFORE})
    _lib.info("wrong %d", "format")
    run.log({1: 1.0, None: 2.0, "before": BEFORE})  # type: ignore[dict-item]
    run.log(before=BEFORE, count="x")  # type: ignore[arg-type]
    run.log(before=BEFORE, step=object())  # type: ignore[arg-type]


def many_attributes(run: otel_mmlog.Run) -> None:
    """More attributes than a record and a span may have."""
    numbered = {f"a{index}": index for index in range(ATTRIBUTES)}
    run.logger.info("numbered", **numbered)
    with run.span("numbered", numbered):
        pass
    run.logger.info("behind", before=BEFORE)


def many_names(run: otel_mmlog.Run) -> None:
    """More series than a rank may have, all at once and a few at a time."""
    for step in run.train(range(3)):
        run.log(before=BEFORE)
        if step == 1:
            run.log({f"n{index}": index for index in range(MANY)})


WAYS: Mapping[str, Callable[[otel_mmlog.Run], None]] = {
    "scalars": scalars,
    "log-calls": log_calls,
    "stdlib-calls": stdlib_calls,
    "spans": span_attributes,
    "config": settings,
    "tags": own_tags,
    "names": names,
    "wrong-calls": calls,
    "200-attributes": many_attributes,
    "many-names": many_names,
}


def _rules() -> list[dict[str, Any]]:
    """A rule for each odd value, by which a statistic returns it."""
    return [_rule(odd) for odd in odd_values()]


def _rule(odd: Odd) -> dict[str, Any]:
    def statistic(_history: Any) -> Any:
        return odd.make()

    statistic.__name__ = f"odd_{odd.name}"
    otel_mmlog.HistoryBuffer.register_statistics(statistic)
    return {"data_src": "source", "method_name": statistic.__name__, "log_name": odd.name}


def main() -> None:
    """Send values one way, and tell what was counted; whatever is raised into the training ends it."""
    work_dir, way = sys.argv[1:3]
    rules = _rules() if way == "tags" else None
    run = otel_mmlog.init("tmp", work_dir=work_dir, interval=1, console=False, custom_cfg=rules)
    WAYS[way](run)
    begun_s = time.monotonic()
    complete = run.close()
    close_s = time.monotonic() - begun_s
    stats = run._parts.journal.stats()
    said = {
        "full": IS_FULL,
        "names": MANY,
        "complete": complete,
        "close_s": close_s,
        "produced": stats.produced,
        "refused": [[signal, reason, count] for (signal, reason), count in stats.refused.items()],
        "faults": Counter(run._parts.encoder.faults) + Counter(run._parts.handler.faults),
        "left_out": sum(run._rejected().values()),
    }
    print(json.dumps(said))


if __name__ == "__main__":
    main()
