"""How nameko is served as a process, and what each such process does beside its service."""
