"""How a command shows that it works."""

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, TextColumn, TimeRemainingColumn


def is_live(console: Console) -> bool:
    """Whether lines on it can be drawn anew: FORCE_COLOR asks for colours, and makes no pipe a terminal."""
    return console.file.isatty() and not console.is_dumb_terminal


def spinner(console: Console) -> str:
    """Return the name of one that the terminal has the characters for."""
    return "line" if console.options.ascii_only else "dots"


def progress_bar(console: Console, amount: ProgressColumn) -> Progress:
    """A bar on a terminal, nothing elsewhere; it disappears at its end.

    Args:
        console: Where to show it.
        amount: Says in words how much is done.
    """
    return Progress(
        SpinnerColumn(spinner(console)),
        TextColumn("{task.description}"),
        BarColumn(),
        amount,
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not is_live(console),
    )
