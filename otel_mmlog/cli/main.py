"""``otel-mmlog``: the entry point, and how an error looks."""

import sys
from typing import Any

import click

from otel_mmlog._version import __version__
from otel_mmlog.cli.compare import compare
from otel_mmlog.cli.completion import completion
from otel_mmlog.cli.convert import convert
from otel_mmlog.cli.demo import demo
from otel_mmlog.cli.doctor import doctor
from otel_mmlog.cli.export import export
from otel_mmlog.cli.plot import plot
from otel_mmlog.cli.ranks import ranks
from otel_mmlog.cli.report import report
from otel_mmlog.cli.run import run
from otel_mmlog.cli.send import send
from otel_mmlog.cli.show import show
from otel_mmlog.cli.tail import tail
from otel_mmlog.core.escape import escape

_INTERRUPTED = 130


class _Group(click.Group):
    """Shows what it says of a mistake on one line: there may be anything in a folder's name."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the subcommand."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()  # here a reader that has gone, such as head, is noticed quietly
        except click.ClickException as error:
            if isinstance(error.__context__, BrokenPipeError):
                raise error.__context__ from None
            error.message = escape(error.message)  # type: ignore[misc]  # click has no other way
            raise
        except (click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except KeyboardInterrupt:
            raise click.exceptions.Exit(_INTERRUPTED) from None
        except Exception as error:
            if ctx.params.get("debug"):
                raise
            raise click.ClickException(escape(_unexpected(error))) from None
        return result


def _unexpected(error: Exception) -> str:
    """What is said of a mistake of this program."""
    return f"{type(error).__name__}: {error} (not expected: otel-mmlog --debug ... shows where it happened)"


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="otel-mmlog")
@click.option("--debug", is_flag=True, help="Show the traceback of an error that is not expected.")
def main(*, debug: bool) -> None:
    """Logs, metrics and traces of model training.

    The exit code is 0, or 1 where something has failed, or 2 where the command line is wrong. Some commands say more
    with theirs: their --help tells.

    \b
    Examples:
      otel-mmlog demo
      otel-mmlog convert lightning_logs/version_0 -o work_dirs/old
      otel-mmlog run tools/train.py configs/resnet50.py
      otel-mmlog show work_dirs
      otel-mmlog tail work_dirs/digits -f
      otel-mmlog send work_dirs/digits --endpoint http://localhost:4318
      otel-mmlog send work_dirs/digits --dry-run
      otel-mmlog plot work_dirs/digits train/loss 'val/*' -o losses.pdf
      otel-mmlog compare work_dirs/a work_dirs/b --metric val/accuracy
      otel-mmlog export --openmetrics work_dirs/digits -o digits.om
      otel-mmlog ranks work_dirs/digits -o ranks.png
      otel-mmlog report work_dirs/digits -o digits.html
      otel-mmlog doctor work_dirs/digits
    """


main.add_command(compare)
main.add_command(completion)
main.add_command(convert)
main.add_command(demo)
main.add_command(doctor)
main.add_command(export)
main.add_command(plot)
main.add_command(ranks)
main.add_command(report)
main.add_command(run)
main.add_command(send)
main.add_command(show)
main.add_command(tail)
