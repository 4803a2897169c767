"""The line in which a `Runner` prints its whole config: ours shows no secret that stands in it."""

import copy
import logging
from typing import Any

from otel_mmlog.core.masking import masked

_HEAD = "Config:\n"


def without_secrets(record: logging.LogRecord, config: Any) -> logging.LogRecord:
    """Return the record; in its place, if it is the line of a config that holds secrets, a copy that has none.

    Args:
        record: Any log record of MMEngine; it is not changed, since MMEngine prints it.
        config: The runner's, or None.
    """
    if config is None or not isinstance(record.msg, str) or not record.msg.startswith(_HEAD):
        return record
    told = config.to_dict()
    shown = masked(told)
    if repr(shown) == repr(told):
        return record
    changed = copy.copy(record)
    changed.msg = _HEAD + _text(shown)
    return changed


def _text(config: dict[str, Any]) -> str:
    from mmengine import Config  # noqa: PLC0415 - importing the integration loads no framework

    try:
        return str(Config(config).pretty_text)
    except Exception:  # noqa: BLE001 - yapf takes no config of certain types; the event has it all
        return repr(config)
