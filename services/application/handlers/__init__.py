"""The use cases of application, one plain function each: commands, queries, events, scheduled jobs."""
