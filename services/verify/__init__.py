"""Verify: the gate. It checks a pass when it is scanned, records who came in and who left, and knows who is inside.

It keeps its own copy of passes, revocations and public keys from issuance's events, so that a gate goes on working while
every other service is down; a pass whose event has not come yet is judged by what its signed token says.
"""
