"""What leaves a run: OpenTelemetry names, OTLP JSON and the journal that holds it."""
