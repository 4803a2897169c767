"""How ``otel-mmlog compare`` sets two runs side by side."""
