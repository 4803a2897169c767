"""One thing that was looked at, and how it is shown."""

import shutil
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import click

from otel_mmlog.core.escape import escape

Status = Literal["ok", "warn", "FAIL"]
_COLORS = {"ok": "green", "warn": "yellow", "FAIL": "red"}
_WHAT_CHARS = 13
_INDENT = " " * (4 + 2 + _WHAT_CHARS + 2)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check came to.

    Attributes:
        status: ``"ok"``; ``"warn"``: a run works, but not as it could; ``"FAIL"``: something is lost or does not start.
        what: What was looked at, in a word or two, or the name of a variable.
        found: What was found, in a sentence.
        fix: What to do about it; empty if it is ok.
    """

    status: Status
    what: str
    found: str
    fix: str = ""


def scrubbed(finding: Finding, secrets: Iterable[str]) -> Finding:
    """Return a finding with ``***`` for secrets, on one line each."""
    found, fix = escape(finding.found), escape(finding.fix)
    for secret in secrets:
        found, fix = found.replace(secret, "***"), fix.replace(secret, "***")
    return replace(finding, what=escape(finding.what), found=found, fix=fix)


def rendered(finding: Finding, *, is_terminal: bool) -> str:
    """Return a finding as a line, and its fix as a second one; on a terminal they are wrapped at its width."""
    head = f"{finding.status:4}  {finding.what:{_WHAT_CHARS}}  "
    lines = [head + finding.found, *([f"{_INDENT}fix: {finding.fix}"] if finding.fix else [])]
    if is_terminal:
        width = max(40, shutil.get_terminal_size().columns)
        lines = [_wrapped(line, width) for line in lines]
    status = click.style(finding.status, fg=_COLORS[finding.status], bold=finding.status != "ok" or None)
    return "\n".join([status + lines[0][len(finding.status) :], *lines[1:]])


def _wrapped(line: str, width: int) -> str:
    return textwrap.fill(
        line,
        width,
        subsequent_indent=_INDENT,
        break_long_words=False,
        break_on_hyphens=False,
        replace_whitespace=False,
    )
