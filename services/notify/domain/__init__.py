"""Messages, their templates and outcomes, without clock, database or settings."""
