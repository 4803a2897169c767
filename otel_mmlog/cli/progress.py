"""How a command shows that it works."""

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, TextColumn, TimeRemainingColumn


def progress_bar(console: Console, amount: ProgressColumn) -> Progress:
    """A bar on a terminal, nothing elsewhere; it disappears at its end.

    Args:
        console: Where to show it.
        amount: Says in words how much is done.
    """
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        amount,
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
