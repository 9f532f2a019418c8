"""Events: the topology, the outbox and its relay, the inbox and its consumers, retries and dead letters."""
