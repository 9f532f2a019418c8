"""The gate: checks a pass when it is scanned, records who came in and who left, and knows who is inside.

The service has its own copy of passes, revocations and public keys, built from issuance's events, so that a
gate works on while every other service is down. A pass whose event has not arrived yet is judged by what its
signed token contains.
"""
