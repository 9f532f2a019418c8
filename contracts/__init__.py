"""What the services may know about each other, and nothing else: events, who hears them, RPC shapes, errors.

Pure pydantic: no module here imports a service, nameko, a broker client or a database.
"""
