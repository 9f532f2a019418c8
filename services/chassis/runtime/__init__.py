"""What every process has: settings, logs, metrics, health, a clock, a signal to stop; and the start of nameko services."""
