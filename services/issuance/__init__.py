"""Issuance makes the passes.

An approval becomes a number, a signed token and its QR code, once; a withdrawal ends it. It owns the passes,
the keys that sign them, and the signed list of revoked passes. It publishes PassIssued, PassRevoked and
StatusListSigned, and calls no other service: PassApproved carries all that a pass needs.
"""
