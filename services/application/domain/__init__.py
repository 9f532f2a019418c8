"""The rules of applications, pure: what a form may say, what becomes of an application, which events tell of it.

Nothing here reads a clock, a setting or a database; time, rules and rows come in as arguments.
"""
