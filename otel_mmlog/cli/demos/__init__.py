"""What ``otel-mmlog demo`` runs and shows."""
