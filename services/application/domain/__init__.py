"""The rules of applications, pure: what a form may contain, and what becomes of an application.

Nothing here reads a clock, a setting or a database; time, rules and rows are arguments.
"""
