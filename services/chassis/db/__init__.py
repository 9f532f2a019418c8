"""The database of a service: connections, transactions, locks, cursors, migrations, and the chassis' own tables."""
