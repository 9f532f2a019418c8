"""What every process has: settings, logs, metrics, traces, health, clocks, jobs, lifecycle."""
