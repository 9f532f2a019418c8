"""Issuance makes the pass: an approval becomes a number, a signed token and its QR, once, and a withdrawal ends it.

It owns the passes, the keys that sign them, and the signed list of what is revoked. It says PassIssued and PassRevoked
and asks nobody anything: all that a pass needs travels in PassApproved.
"""
