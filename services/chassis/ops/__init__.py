"""What operators ask and do: dead letters, outboxes, the invariants of the whole, and the exporter that watches them.

Command line and exporter look from outside: at queues, and read-only into the databases. No service imports this.
"""
