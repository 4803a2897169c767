"""Journals as OpenMetrics text, as ``promtool tsdb create-blocks-from openmetrics`` takes it."""
