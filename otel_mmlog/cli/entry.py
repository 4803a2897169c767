"""Where ``otel-mmlog`` begins and ends: Ctrl-C and SIGTERM end it without a traceback, at any moment.

A program that a signal ends has to die of it, or else a shell goes on with its loop.
"""

import os
import signal
import sys

_ENDINGS = (signal.SIGINT, signal.SIGTERM)


def main() -> None:
    """Run the command line; while modules come and go, signals do what they do to any program."""
    wanted = [each for each in _ENDINGS if signal.getsignal(each) is not signal.SIG_IGN]
    _set_default(wanted)
    from otel_mmlog.cli.main import main as command  # noqa: PLC0415 - it takes a while

    if signal.SIGINT in wanted:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.SIGTERM in wanted:
        signal.signal(signal.SIGTERM, _exit)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # whoever began this has closed it
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8"))
        elif hasattr(stream, "reconfigure"):  # a terminal that has no character for something gets its number
            stream.reconfigure(errors="backslashreplace")
    try:
        command(prog_name="otel-mmlog")
    except SystemExit as end:
        _set_default(wanted)
        for each in wanted:
            if end.code == 128 + each:
                signal.raise_signal(each)
        raise


def _set_default(signals: list[signal.Signals]) -> None:
    for each in signals:
        signal.signal(each, signal.SIG_DFL)


def _exit(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)
