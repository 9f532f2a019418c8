"""The pages of operations: how the whole system is, and its dead letters.

What is wrong is decided in ``findings.py``.
"""
