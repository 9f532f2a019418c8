"""What touches a library or a secret: password hashing, keyed digests, session tokens and their keys."""
