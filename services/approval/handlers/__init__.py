"""The use cases of approval, one function each: directory, queries, decisions, events, scheduled jobs."""
