"""``python -m otel_mmlog``: the same as ``otel-mmlog``."""

from otel_mmlog.cli.main import main

if __name__ == "__main__":
    main(prog_name="otel-mmlog")
