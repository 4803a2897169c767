"""Keeps ``torch.compile`` out of this package: what it would compile of a log call is not the caller's step."""

import contextlib
import sys

_PACKAGE = __name__.partition(".")[0]
_told: list[object] = []


def keep_compiler_out() -> None:
    """Let a log call in a compiled function be one graph break, if the compiler is loaded and not told yet.

    Copies of tensors that a log call makes would otherwise be compiled too, into memory that CUDA graphs use again.
    """
    rules = sys.modules.get("torch._dynamo.trace_rules")
    if rules is not None and rules not in _told:
        _told.append(rules)
        with contextlib.suppress(
            Exception
        ):  # no public name for it: without it all works, with more graph breaks
            rules.add(_PACKAGE)
