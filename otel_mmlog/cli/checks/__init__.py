"""What ``otel-mmlog doctor`` looks at, one file a subject; each yields findings."""
