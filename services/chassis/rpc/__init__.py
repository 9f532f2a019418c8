"""RPC on the side of a service: the guarded server, its replies, and idempotent commands."""
