"""When does it learn: opened by the clock; the only place that fits models."""
