"""What every process has: settings, logs, metrics, health, clock, lifecycle; and how nameko is served."""
