"""``python -m otel_mmlog``: the same as ``otel-mmlog``."""

from otel_mmlog.cli.entry import main

if __name__ == "__main__":
    main()
