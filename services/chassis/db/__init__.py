"""A service's database: connections, transactions, locks, cursors, migrations, the chassis' own tables."""
