"""Accounts decides who may act.

It owns the staff logins that the ADO Branch issues, one-time codes to mobiles, and the sessions of both.
The gateway checks its session tokens with a public key alone, so nobody is signed out while it is down.
"""
