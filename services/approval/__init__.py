"""Approval: where a department decides. It owns the directory (sites with gates and hours, departments, officers) and
tells of each change; it keeps one review for each application it hears of, lets the department's logins approve,
reject, return, forward or withdraw it, and calls out reviews that wait too long.
"""
