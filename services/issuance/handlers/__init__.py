"""The use cases: making and ending passes, showing them, and the signed list of what is revoked."""
