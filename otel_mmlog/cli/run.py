"""``otel-mmlog run``: checks the command line, then becomes the interpreter that runs the script."""

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from otel_mmlog.settings import environment

_SCRIPT = Path(__file__).with_name("script.py")
_MODULE_OPTION = re.compile(r"(-[A-VYZa-z]*?)[mc](otel_mmlog.*)?")


@click.command(context_settings={"allow_interspersed_args": False})
@click.option("-m", "as_module", is_flag=True, help="SCRIPT is the name of a module, as for python -m.")
@click.argument("script")
@click.argument("arguments", metavar="[ARGS]...", nargs=-1, type=click.UNPROCESSED)
def run(script: str, arguments: tuple[str, ...], *, as_module: bool) -> None:
    """Run an unmodified MMEngine script with logs, metrics, traces.

    SCRIPT runs as python would run it, and what follows it is its own. Files and
    telemetry begin with the first Runner that it builds.

    \b
    Examples:
      otel-mmlog run tools/train.py configs/resnet50.py
      otel-mmlog run -m mypackage.train configs/resnet50.py
      torchrun --nproc_per_node 8 -m otel_mmlog run tools/train.py cfg.py
    """
    if not as_module:
        _check(script)
    target = ["-m", script] if as_module else [script]
    flags = interpreter_flags(sys.orig_argv, sys.argv)
    command = [sys.executable, *flags, str(_SCRIPT), *target, *arguments]
    # The training process has no click in it, and the pid stays the one that torchrun knows.
    os.execve(sys.executable, command, environment())


def interpreter_flags(original: Sequence[str], arguments: Sequence[str]) -> list[str]:
    """Return what stood between the interpreter and this program, such as ``-u`` and ``-W error``.

    Args:
        original: The whole command line (``sys.orig_argv``).
        arguments: What the program sees of it (``sys.argv``).
    """
    flags = list(original[1 : len(original) - len(arguments) + 1])
    if flags and not flags[-1].startswith("-"):
        flags.pop()  # the program itself, or the module that -m names
    if flags and (found := _MODULE_OPTION.fullmatch(flags[-1])):
        flags[-1:] = [found[1]] if found[1] != "-" else []
    return flags


def _check(script: str) -> None:
    path = Path(script)
    try:
        if path.is_dir():
            raise click.UsageError(f"{script!r} is a folder: give the script in it, or a module with -m")
        path.open("rb").close()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise click.UsageError(
            f"{script!r} cannot be read: {reason}. Give the path of a Python script, or a module with -m"
        ) from None
