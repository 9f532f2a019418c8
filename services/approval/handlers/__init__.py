"""The use cases of approval, one plain function each: directory, queries, decisions, events, scheduled jobs."""
