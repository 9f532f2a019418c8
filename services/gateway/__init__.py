"""The gateway: HTTP for everybody outside, nameko RPC to the services inside.

It owns nothing and has no database. It checks who calls and what that role may do, turns a request into one
RPC and an error into a problem (RFC 9457). In memory it has only what lets it go on while a service is down:
public keys, revoked sessions, the signed status list, sites and departments.
"""
