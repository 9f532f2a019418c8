"""What services may know about each other: events, subscriptions, RPC shapes, errors, shared rules.

Pure pydantic: no module here imports a service, nameko, a broker client or a database.
"""
