"""What every service stands on: settings, database, outbox, relay, inbox, events, retry, topology, RPC, health.

It knows the contracts and no service. One file holds one concern.
"""
