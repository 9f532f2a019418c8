"""Tokens and keys: the store of signing keys, the strict verifier of tokens, and sealing under a key ring."""
