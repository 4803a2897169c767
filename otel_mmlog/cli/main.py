"""``otel-mmlog``: the entry point, and how an error looks."""

import click

from otel_mmlog._version import __version__
from otel_mmlog.cli.export import export
from otel_mmlog.cli.run import run
from otel_mmlog.cli.send import send


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
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
