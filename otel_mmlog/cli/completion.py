"""``otel-mmlog completion``: what makes a shell complete commands, options and folders."""

import click
from click.shell_completion import get_completion_class

_PROGRAM = "otel-mmlog"
_VARIABLE = "_OTEL_MMLOG_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print a script that completes commands and options in SHELL.

    \b
    Examples:
      eval "$(otel-mmlog completion bash)"
      otel-mmlog completion bash >> ~/.bash_completion
      otel-mmlog completion zsh > ~/.zfunc/_otel-mmlog      # a folder of $fpath
      otel-mmlog completion fish > ~/.config/fish/completions/otel-mmlog.fish

    The first is for this shell alone; of the others each new one knows.
    """
    kind = get_completion_class(shell)
    if kind is None:  # click has all that the argument takes
        raise click.UsageError(f"this version of click knows no {shell}")
    click.echo(kind(context.find_root().command, {}, _PROGRAM, _VARIABLE).source())
