"""A service's database: connections, transactions, locks, cursors, migrations, the chassis' own tables.

`providers` injects it, and the settings, into nameko's classes, and has the decorator of scheduled jobs.
"""
