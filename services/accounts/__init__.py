"""Accounts decides who may act: staff logins issued by the ADO Branch, one-time codes to mobiles, and sessions of both.

Everybody checks its session tokens with a public key alone, so nobody is signed out while this service is down.
"""
