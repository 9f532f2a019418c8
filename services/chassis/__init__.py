"""What every service is built on: messaging, RPC, database, runtime and tokens, one package each.

The chassis knows the contracts and no service. One file holds one concern.
"""
