"""The store of a service's signing keys, which accounts and issuance have.

The key ring that seals private halves is ``contracts.sealing``, because sealed events use it, too.
"""
