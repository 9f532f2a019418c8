"""The use cases, one plain function each.

A handler that hashes a password, or that must count what it refuses, takes the database and not a session:
the first hashes with no transaction open, the second commits before it raises.
"""
