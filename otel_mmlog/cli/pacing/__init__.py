"""The parts of ``otel-mmlog ranks``: what journals know of step times, the table, and the picture."""
