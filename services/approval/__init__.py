"""Approval: where departments decide.

It owns the directory (sites with gates and hours, departments, officers) and publishes each change of it. It
stores one review for each application, lets the department's logins approve, reject, return, forward or
withdraw it, and escalates reviews that wait too long.
"""
