"""Tokens and keys: the store of signing keys, and the strict verifier of signed tokens.

The key ring that seals private halves is ``contracts.sealing``, because sealed events use it, too.
"""
