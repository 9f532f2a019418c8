"""The gateway: HTTP for everybody outside, nameko RPC to the services inside. It owns nothing and has no database.

It checks who asks and what that role may call, turns a request into one RPC and an error into a problem, and keeps in
memory only what lets it go on while a service is down: public keys, ended sessions, the signed status list, sites and
departments.
"""
