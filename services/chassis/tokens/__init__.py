"""One signing key in memory, and the strict verifier of signed tokens."""
