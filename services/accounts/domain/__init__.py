"""The rules of logins, guesses, one-time codes and passwords.

They read no clock, no database and no settings.
"""
