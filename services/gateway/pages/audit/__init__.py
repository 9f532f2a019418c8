"""The auditor's pages: decisions and scans, and the log of who looked at and did what. Read only.

They show logins, times and verdicts, and nobody's name. Who searches is recorded by the services.
"""
