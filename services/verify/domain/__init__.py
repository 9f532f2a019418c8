"""What a gate decides, without clock, database or settings: gates, passes, and the verdict on a scan."""
