"""What a log call goes through: structlog processors, two renderers, console and rank files."""
