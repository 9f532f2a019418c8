"""The database side of a service: engine and transactions, connection timeouts, tables, migrations, retention."""
