"""A run that logs hostile text wherever text can be given: ``python -m tests.faults.security.hostile_run WORK_DIR``."""

import logging
import sys
import warnings
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

import otel_mmlog
from tests.faults.security.hostile import ORDINARY, TEXTS


def main() -> None:
    """Log each text in every place."""
    run = otel_mmlog.init("tmp", work_dir=sys.argv[1], interval=1, config={text: text for text in TEXTS})
    run.logger.info(ORDINARY)
    run.logger.info("ordinary", value=ORDINARY)
    for number in run.train(range(2)):
        run.log({**{f"loss{text}": float(number) for text in TEXTS}, "loss": 1.0})
    for number, text in enumerate(TEXTS):
        _log(run, number, text)
    run.log({f"val/acc{text}": 1.0 for text in TEXTS}, step=7)
    _measure(run)
    run.close()


def _log(run: Any, number: int, text: str) -> None:
    run.logger.info(text)
    run.logger.error(text, **{text: text})
    run.logger.info("nested", value={text: [text]}, other=Hostile(text))
    logging.getLogger(f"logger{text}").warning("%s %d", text, number)
    logging.addLevelName(51 + number, f"LEVEL{text}")
    logging.getLogger("levels").log(51 + number, "level %d", number)
    logging.getLogger("extra").warning("extra %d", number, extra={text: text})
    warnings.warn(text, UserWarning, stacklevel=1)
    error = type(f"Error{text}".replace("\0", ""), (Exception,), {})(text)
    run.logger.error("failed", exc_info=error)
    with run.span(text, {text: text, "plain": text}):
        run.logger.warning("within", stack_info=True)


class Hostile:
    """Its text is hostile."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __str__(self) -> str:
        return self._text


def _measure(run: Any) -> None:
    """Points of the user's own, whose attributes are labels later."""
    reader = PeriodicExportingMetricReader(run.metric_exporter, export_interval_millis=3600_000)
    provider = MeterProvider([reader])
    counter = provider.get_meter("mine").create_counter("mine", description=TEXTS[0])
    for text in TEXTS:
        counter.add(1, {text: text, "plain": text})
    provider.shutdown()


if __name__ == "__main__":
    main()
