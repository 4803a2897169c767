"""``otel-mmlog``: the entry point, and how an error looks."""

from typing import Any

import click

from otel_mmlog._version import __version__
from otel_mmlog.cli.export import export
from otel_mmlog.cli.run import run
from otel_mmlog.cli.send import send
from otel_mmlog.core.escape import escape


class _Group(click.Group):
    """Shows what it says of a mistake on one line: there may be anything in a folder's name."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the subcommand."""
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            error.message = escape(error.message)  # type: ignore[misc]  # click has no other way
            raise


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="otel-mmlog")
def main() -> None:
    """Logs, metrics and traces of model training.

    \b
    Examples:
      otel-mmlog run tools/train.py configs/resnet50.py
      otel-mmlog send work_dirs/digits --endpoint http://localhost:4318
      otel-mmlog send work_dirs/digits --dry-run
      otel-mmlog export --openmetrics work_dirs/digits -o digits.om
    """


main.add_command(export)
main.add_command(run)
main.add_command(send)
