"""RPC calls to the services over the broker, in nameko's protocol but without nameko."""
