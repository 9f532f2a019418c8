"""The use cases, one plain function each: make, end and show passes, and list the revoked ones."""
