"""What touches a library or holds a secret: password hashing, keyed digests, session tokens and their keys."""
